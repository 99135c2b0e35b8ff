// The svix package of npm, driven line by line; the protocol is told in ../peer.hpp. The package is the one that
// tests/conformance/interop installs.
import { createInterface } from 'node:readline';

import { Svix } from '../../interop/official.mjs';

const bytes = (base64) => Buffer.from(base64, 'base64');

// As node:http hands them over: names in lower case, Latin-1, values of one name joined.
function headersOf(pairs) {
    const headers = {};
    for (const [name, value] of pairs) {
        const key = bytes(name).toString('latin1').toLowerCase();
        const text = bytes(value).toString('latin1');
        headers[key] = key in headers ? `${headers[key]}, ${text}` : text;
    }
    return headers;
}

function answer(request) {
    const webhook = new Svix(bytes(request.secret).toString('latin1'));
    const body = bytes(request.body);
    if (request.do === 'sign')
        return { signature: webhook.sign(request.id, new Date(request.timestamp * 1000), body) };
    try {
        webhook.verify(body, headersOf(request.headers));
    } catch (error) {
        if (!(error instanceof SyntaxError)) throw error; // authentic, but no JSON: the signature is what counts here
    }
    return { authentic: true };
}

for await (const line of createInterface({ input: process.stdin })) {
    let result;
    try {
        result = answer(JSON.parse(line));
    } catch (error) {
        result = { refused: String(error) };
    }
    process.stdout.write(`${JSON.stringify(result)}\n`);
}
