// interop.mjs RECEIVER TOOL: what the official libraries sign, we verify; what we sign, they verify.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import { StandardWebhooks, Svix } from './official.mjs';
import { Receiver } from './receiver.mjs';

const [receiverProgram, tool] = process.argv.slice(2);
const newSecret = (bytes) => `whsec_${randomBytes(bytes).toString('base64')}`;
const [secret, second, stranger] = [newSecret(24), newSecret(64), newSecret(32)];
const libraries = { svix: Svix, standardwebhooks: StandardWebhooks };
const families = ['svix', 'webhook'];

const event = (name) => ({ id: `evt_${name}`, type: 'contact.created', data: { object: { name } } });
const bodies = {
    plain: JSON.stringify(event('plain')),
    emoji: JSON.stringify(event('👩‍👩‍👧‍👦 Zażółć 🐢')),
    CRLF: JSON.stringify(event('CRLF'), null, 2).replaceAll('\n', '\r\n'),
    '1 MiB': JSON.stringify({ ...event('1 MiB'), padding: 'ü'.repeat(1 << 19) }),
    'trailing white space': JSON.stringify(event('trailing white space')) + ' \t\r\n\n',
};
const noEvents = { 'no JSON at all': 'id=1&type=2 ✓', 'an array': '[]', 'nothing': '' };

const now = () => new Date();
const seconds = (date) => Math.floor(date.getTime() / 1000);

function headers(family, id, date, signature) {
    return { [`${family}-id`]: id, [`${family}-timestamp`]: String(seconds(date)), [`${family}-signature`]: signature };
}

function runTool(secrets, args, input) {
    const env = { ...process.env, PIVOTAL_WEBHOOK_SECRET: secrets };
    const { status, stdout } = spawnSync(tool, args, { env, input, encoding: 'utf8' });
    return { status, text: stdout.trimEnd() };
}

describe('what they sign, we verify, over HTTP', () => {
    let receiver;
    before(async () => (receiver = await Receiver.start([receiverProgram], `${secret} ${second}\n`)));
    after(() => receiver?.stop());

    async function deliver(family, body, sign) {
        const date = now();
        return receiver.post(body, headers(family, 'msg_interop', date, sign(date)));
    }

    for (const [library, Webhook] of Object.entries(libraries)) {
        const sign = (by, date, body) => new Webhook(by).sign('msg_interop', date, body);
        for (const family of families) {
            for (const [name, body] of Object.entries(bodies)) {
                test(`${library}, ${family}- headers, ${name}`, async () => {
                    const answer = await deliver(family, body, (date) => sign(secret, date, body));
                    assert.deepEqual(answer, { status: 200, text: 'ok' });
                    await receiver.printed(`contact.created · ${JSON.parse(body).id}`);
                });
            }
            for (const [name, body] of Object.entries(noEvents)) {
                test(`${library}, ${family}- headers, ${name}: authentic, and no event`, async () => {
                    const answer = await deliver(family, body, (date) => sign(secret, date, body));
                    assert.deepEqual(answer, { status: 400, text: 'malformed event' });
                });
            }
            const body = bodies.emoji;
            test(`${library}, ${family}- headers, the second of our secrets`, async () => {
                const answer = await deliver(family, body, (date) => sign(second, date, body));
                assert.equal(answer.status, 200);
            });
            test(`${library}, ${family}- headers, one of their signatures is ours`, async () => {
                const both = (date) => `${sign(stranger, date, body)} ${sign(second, date, body)}`;
                assert.equal((await deliver(family, body, both)).status, 200);
            });
            test(`${library}, ${family}- headers, none of their signatures is ours`, async () => {
                const answer = await deliver(family, body, (date) => sign(stranger, date, body));
                assert.deepEqual(answer, { status: 401, text: 'invalid signature' });
            });
        }
    }
});

describe('what they sign, we verify, as bytes', () => {
    for (const [library, Webhook] of Object.entries(libraries)) {
        for (const [name, body] of Object.entries({ ...bodies, ...noEvents })) {
            test(`${library}, ${name}`, () => {
                const date = now();
                const signature = new Webhook(secret).sign('msg_interop', date, body);
                const args = ['verify', 'msg_interop', String(seconds(date)), signature];
                assert.deepEqual(runTool(secret, args, body), { status: 0, text: 'authentic' });
                const { status, text } = runTool(stranger, args, body);
                assert.equal(status, 1);
                assert.match(text, /^signature mismatch/);
            });
        }
    }
});

describe('what we sign, they verify', () => {
    for (const [library, Webhook] of Object.entries(libraries)) {
        // The package of Standard Webhooks knows its own headers only.
        for (const family of library === 'svix' ? families : ['webhook']) {
            for (const [name, body] of Object.entries(bodies)) {
                test(`${library}, ${family}- headers, ${name}`, () => {
                    const date = now();
                    const signed = runTool(secret, ['sign', 'msg_interop', String(seconds(date))], body);
                    assert.equal(signed.status, 0);
                    const sent = headers(family, 'msg_interop', date, signed.text);
                    assert.deepEqual(new Webhook(secret).verify(body, sent), JSON.parse(body));
                    assert.throws(() => new Webhook(stranger).verify(body, sent));
                    assert.throws(() => new Webhook(secret).verify(`${body} `, sent));
                });
            }
            test(`${library}, ${family}- headers, a signature for each of several secrets`, () => {
                const date = now();
                const args = ['sign', 'msg_interop', String(seconds(date))];
                const signed = runTool(`${secret}\n${second}`, args, bodies.emoji);
                assert.equal(signed.text.split(' ').length, 2);
                const sent = headers(family, 'msg_interop', date, signed.text);
                for (const one of [secret, second])
                    assert.deepEqual(new Webhook(one).verify(bodies.emoji, sent), JSON.parse(bodies.emoji));
                assert.throws(() => new Webhook(stranger).verify(bodies.emoji, sent));
            });
        }
    }
});
