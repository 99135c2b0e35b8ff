// lambda.mjs PROGRAM: makes a receiver for AWS Lambda into one that listens on PORT, as API Gateway and Lambda's
// runtime interface do. Every second body is handed over in base64, as API Gateway does with what is not text.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';

const waiting = []; // deliveries that no runtime has asked for yet
const askers = []; // requests of the runtime for the next delivery
const answers = new Map(); // by request id: the client's response
let deliveries = 0;

const bodyOf = async (request) => {
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    return Buffer.concat(pieces);
};

function pass() {
    while (waiting.length && askers.length) {
        const { id, event } = waiting.shift();
        const headers = { 'content-type': 'application/json', 'lambda-runtime-aws-request-id': id };
        askers.shift().writeHead(200, headers).end(JSON.stringify(event));
    }
}

const runtime = http.createServer(async (request, response) => {
    const [, id, what] = request.url.match(/^\/2018-06-01\/runtime\/invocation\/([^/]+)(?:\/(.+))?$/) ?? [];
    if (id === 'next') {
        askers.push(response);
        return pass();
    }
    const result = JSON.parse(await bodyOf(request));
    const { statusCode, body } = what === 'response' ? result : { statusCode: 502, body: 'failed' };
    answers.get(id)?.writeHead(statusCode).end(body);
    answers.delete(id);
    response.writeHead(202).end();
});

const gateway = http.createServer(async (request, response) => {
    let body;
    try {
        body = await bodyOf(request);
    } catch {
        return; // the client is gone
    }
    if (request.method !== 'POST' || request.url !== '/webhooks/pivotal') return response.writeHead(404).end();
    const id = String(++deliveries);
    const isBase64Encoded = deliveries % 2 === 0;
    const headers = request.headers; // the names in lower case, as API Gateway gives them
    answers.set(id, response);
    waiting.push({
        id,
        event: { version: '2.0', headers, body: body.toString(isBase64Encoded ? 'base64' : 'utf8'), isBase64Encoded },
    });
    pass();
});

runtime.listen(0, '127.0.0.1');
await once(runtime, 'listening');
const env = { ...process.env, AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${runtime.address().port}` };
const child = spawn(process.argv[2], { env, stdio: 'inherit' });
const end = (code) => {
    child.kill();
    process.exit(code);
};
child.on('exit', (code) => process.exit(code ?? 1));
process.on('SIGTERM', () => end(0));
gateway.on('error', (error) => {
    console.error(error.message);
    end(1);
});
// Listening says that the receiver is ready: it asks for its first delivery before anything else.
while (!askers.length) await once(runtime, 'request');
gateway.listen(Number(process.env.PORT), '127.0.0.1');
