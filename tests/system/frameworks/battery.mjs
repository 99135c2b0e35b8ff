// battery.mjs COMMAND...: what every receiver has to withstand, signed by the official library.
// OPENSSL_FAULT_LIBRARY names the library that makes OpenSSL fail on demand.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Svix } from '../../conformance/interop/official.mjs';
import { Receiver, freePort, runToEnd } from '../../conformance/interop/receiver.mjs';

const command = process.argv.slice(2);
const newSecret = () => `whsec_${randomBytes(32).toString('base64')}`;
const secret = newSecret();
const signer = new Svix(secret);
const now = () => new Date();
const minutes = (n) => new Date(Date.now() + n * 60_000);

const ok = { status: 200, text: 'ok' };
const refused = { status: 401, text: 'invalid signature' };
const malformed = { status: 400, text: 'malformed event' };

let receiver;
let events = 0;
const expected = []; // the lines that the receiver has to print, no more and no fewer

/** The JSON of a new event, padded to `size` bytes. */
function newEvent(size = 0) {
    const event = { id: `evt_${++events}`, type: 'customer.created', data: { object: { name: 'Żółw 🐢' } } };
    const padding = size - Buffer.byteLength(JSON.stringify({ ...event, padding: '' }));
    return JSON.stringify(padding > 0 ? { ...event, padding: 'x'.repeat(padding) } : event);
}

/** Remembers that the event will have to be printed. */
function accepted(body) {
    const { type, id } = JSON.parse(body);
    expected.push(`${type} · ${id}`);
    return body;
}

function sign(body, at = now(), id = `msg_${randomBytes(12).toString('hex')}`, by = signer) {
    return {
        'svix-id': id,
        'svix-timestamp': String(Math.floor(at.getTime() / 1000)),
        'svix-signature': by.sign(id, at, body),
    };
}

/** A request as it goes over the wire. */
const wire = (headers, body, length = Buffer.byteLength(body)) =>
    `POST /webhooks/pivotal HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n` +
    `Content-Length: ${length}\r\n` +
    Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('') +
    `Connection: close\r\n\r\n${body}`;

const folder = mkdtempSync(join(tmpdir(), 'battery-'));
const fault = join(folder, 'fault'); // OpenSSL fails in the receiver while this file is there
const faulty = { LD_PRELOAD: process.env.OPENSSL_FAULT_LIBRARY, OPENSSL_FAULT: fault };

before(async () => (receiver = await Receiver.start(command, secret, faulty)));
after(async () => {
    await receiver?.stop();
    rmSync(folder, { recursive: true });
});

test('valid', async () => {
    const body = accepted(newEvent());
    assert.deepEqual(await receiver.post(body, sign(body)), ok);
});

test('a retry: the same delivery, signed again', async () => {
    const body = accepted(newEvent());
    expected.push(expected.at(-1));
    assert.deepEqual(await receiver.post(body, sign(body, minutes(-1), 'msg_retried')), ok);
    assert.deepEqual(await receiver.post(body, sign(body, now(), 'msg_retried')), ok);
});

test('the headers of Standard Webhooks', async () => {
    const body = accepted(newEvent());
    const renamed = Object.entries(sign(body)).map(([name, value]) => [name.replace('svix', 'webhook'), value]);
    assert.deepEqual(await receiver.post(body, Object.fromEntries(renamed)), ok);
});

test('tampered', async () => {
    const body = newEvent();
    assert.deepEqual(await receiver.post(body.replace('created', 'updated'), sign(body)), refused);
});

test('stale', async () => {
    const body = newEvent();
    assert.deepEqual(await receiver.post(body, sign(body, minutes(-6))), refused);
});

test('future', async () => {
    const body = newEvent();
    assert.deepEqual(await receiver.post(body, sign(body, minutes(6))), refused);
});

for (const name of ['svix-id', 'svix-timestamp', 'svix-signature']) {
    test(`without ${name}`, async () => {
        const body = newEvent();
        assert.deepEqual(await receiver.post(body, { ...sign(body), [name]: undefined }), refused);
    });
}

test('without any header', async () => {
    assert.deepEqual(await receiver.post(newEvent(), {}), refused);
});

test('wrong secret', async () => {
    const body = newEvent();
    assert.deepEqual(await receiver.post(body, sign(body, now(), 'msg_1', new Svix(newSecret()))), refused);
});

test('header names in upper case', async () => {
    const body = accepted(newEvent());
    const renamed = Object.entries(sign(body)).map(([name, value]) => [name.toUpperCase(), value]);
    assert.deepEqual(await receiver.post(body, Object.fromEntries(renamed)), ok);
});

for (const [what, space] of [['spaces', '  '], ['a tab', '\t']]) {
    test(`${what} behind header values`, async () => {
        const body = newEvent();
        const padded = Object.entries(sign(body)).map(([name, value]) => [name, value + space]);
        const answer = await receiver.post(body, Object.fromEntries(padded));
        // A server may be stricter than RFC 9110, §5.5, and refuse the request on its own; never is it a bad signature.
        if (space === '\t' && answer.status === 400 && answer.text !== malformed.text) return;
        accepted(body);
        assert.deepEqual(answer, ok);
    });
}

test('a body of 1 MiB', async () => {
    const body = accepted(newEvent(1 << 20));
    assert.deepEqual(await receiver.post(body, sign(body)), ok);
});

test('a chunked body of 500 kB', async () => {
    const body = accepted(newEvent(500_000));
    const chunks = [];
    for (let at = 0; at < body.length; at += 7919) chunks.push(body.slice(at, at + 7919));
    assert.deepEqual(await receiver.post(chunks, sign(body)), ok);
});

test('an empty body is authentic, and no event', async () => {
    assert.deepEqual(await receiver.post('', sign('')), malformed);
});

test('an authentic body that is no event', async () => {
    assert.deepEqual(await receiver.post('[1, 2]', sign('[1, 2]')), malformed);
});

test('another path and another method', async () => {
    const body = newEvent();
    assert.notEqual((await receiver.post(body, sign(body), { path: '/webhooks/pivotal/x' })).status, 200);
    assert.notEqual((await receiver.post(body, sign(body), { method: 'PUT' })).status, 200);
});

test('200 deliveries over 8 connections', async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
    const deliveries = Array.from({ length: 200 }, () => accepted(newEvent(2000)));
    const answers = await Promise.all(deliveries.map((body) => receiver.post(body, sign(body), { agent })));
    agent.destroy();
    assert.deepEqual(answers, Array(200).fill(ok));
});

test('clients that disconnect half-way', async () => {
    const half = newEvent(100_000).slice(0, 50_000); // authentic as far as it goes
    const request = wire(sign(half), half, 100_000);
    for (const length of [10, 100, request.length - half.length, request.length]) {
        for (let i = 0; i < 4; ++i) (await receiver.raw(request.slice(0, length))).destroy();
    }
    const [socket] = await Promise.all([receiver.raw(request)]);
    socket.end(); // politely: the other direction stays open
    const body = accepted(newEvent());
    assert.deepEqual(await receiver.post(body, sign(body)), ok);
    socket.destroy();
});

test('OpenSSL fails: 500, and then it goes on', async () => {
    const body = newEvent();
    writeFileSync(fault, '');
    assert.deepEqual(await receiver.post(body, sign(body)), { status: 500, text: 'internal error' });
    rmSync(fault);
    const next = accepted(newEvent());
    assert.deepEqual(await receiver.post(next, sign(next)), ok);
});

test('exactly the accepted events were printed', async () => {
    await receiver.printed(expected.at(-1));
    assert.deepEqual([...receiver.lines].sort(), [...expected].sort());
});

test('a port in use: what is wrong, what to do, and status 1', async () => {
    const env = { PIVOTAL_WEBHOOK_SECRET: secret, PORT: String(receiver.port) };
    const { code, stderr } = await runToEnd(command, env);
    assert.equal(code, 1);
    assert.match(stderr, /in use|bind|listen|port/i);
    // Drogon ends the process itself; what has an adapter does not listen.
    if (!command.at(-1).endsWith('drogon') && command.length === 1) assert.match(stderr, /PORT= names another/);
});

// What has an adapter does not listen itself.
for (const port of command.length > 1 ? [] : ['0', '70000', '-1', 'http', '80x']) {
    test(`the port ${port}: what is wrong, what to do, and status 1`, async () => {
        const { code, stderr } = await runToEnd(command, { PIVOTAL_WEBHOOK_SECRET: secret, PORT: port });
        assert.equal(code, 1);
        assert.equal(stderr, `PORT is ${port}: give a number from 1 to 65535\n`);
    });
}

test('no secret: the message of InvalidSecretError and status 1', async () => {
    const { code, stderr } = await runToEnd(command, { PORT: String(await freePort()) });
    assert.equal(code, 1);
    assert.match(stderr, /PIVOTAL_WEBHOOK_SECRET/);
});
