// Times the svix package of npm; the protocol is told in ../../../benchmark/peers.py.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

import { Svix } from '../../interop/official.mjs';

const [secret, folder] = process.argv.slice(2);
const webhook = new Svix(secret);

for await (const line of createInterface({ input: process.stdin })) {
    const [mode, size, count, id, timestamp, signature] = line.split(' ');
    if (mode !== 'parse') throw new Error(`no ${mode}: the package parses whatever it verifies`);
    const body = readFileSync(`${folder}/${size}.json`, 'utf8');
    const headers = { 'svix-id': id, 'svix-timestamp': timestamp, 'svix-signature': signature };
    let read = 0;
    const begin = process.hrtime.bigint();
    for (let i = 0; i < count; ++i) read += webhook.verify(body, headers).id.length;
    const time = process.hrtime.bigint() - begin;
    if (read === 0) throw new Error('no id');
    process.stdout.write(`${time}\n`);
}
