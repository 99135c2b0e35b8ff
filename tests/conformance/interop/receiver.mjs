// Starts a receiver and speaks to it over HTTP, on the loopback.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const host = '127.0.0.1';
const patience = 20_000; // milliseconds until waiting counts as a failure

export async function freePort() {
    const server = net.createServer().listen(0, host);
    await once(server, 'listening');
    const { port } = server.address();
    server.close();
    await once(server, 'close');
    return port;
}

/** Runs a receiver that is expected to end by itself: { code, stderr }. */
export async function runToEnd(command, env) {
    const child = spawn(command[0], command.slice(1), { env: cleaned(env), stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (data) => (stderr += data));
    const timer = setTimeout(() => child.kill('SIGKILL'), patience);
    const [code, signal] = await once(child, 'close');
    clearTimeout(timer);
    if (signal) throw new Error(`${command[0]} still ran after ${patience} ms; it said: ${stderr}`);
    return { code, stderr };
}

export class Receiver {
    /** Starts `command` (the program and its arguments), with `more` environment, and waits until it accepts connections. */
    static async start(command, secret, more = {}) {
        const receiver = new Receiver();
        receiver.port = await freePort();
        receiver.lines = [];
        receiver.stderr = '';
        const env = cleaned({ PIVOTAL_WEBHOOK_SECRET: secret, PORT: String(receiver.port), ...more });
        receiver.child = spawn(command[0], command.slice(1), { env, stdio: ['ignore', 'pipe', 'pipe'] });
        receiver.ended = once(receiver.child, 'close');
        receiver.child.stderr.on('data', (data) => (receiver.stderr += data));
        let rest = '';
        receiver.child.stdout.setEncoding('utf8').on('data', (data) => {
            const lines = (rest + data).split('\n');
            rest = lines.pop();
            receiver.lines.push(...lines);
        });
        await receiver.until(async () => (await accepts(receiver.port)) && receiver.alive(), 'accept connections');
        return receiver;
    }

    alive() {
        return this.child.exitCode === null && this.child.signalCode === null;
    }

    /** Waits for `condition`, or until the receiver ends. */
    async until(condition, what) {
        for (const end = Date.now() + patience; !(await condition()); await delay(5)) {
            if (!this.alive()) throw new Error(`the receiver ended before it would ${what}: ${this.stderr}`);
            if (Date.now() > end) throw new Error(`the receiver did not ${what}: ${this.stderr}`);
        }
    }

    /** Waits until the receiver has printed `line`. */
    async printed(line) {
        await this.until(() => this.lines.includes(line), `print "${line}"`);
    }

    /** Posts `body` (a string, a Buffer, or an array of chunks) and gives { status, text }. */
    async post(body, headers, { agent, method = 'POST', path = '/webhooks/pivotal' } = {}) {
        const request = http.request({ host, port: this.port, method, path, agent, timeout: patience });
        request.setHeader('content-type', 'application/json');
        for (const [name, value] of Object.entries(headers)) if (value !== undefined) request.setHeader(name, value);
        request.on('timeout', () => request.destroy(new Error('no answer')));
        if (Array.isArray(body)) {
            body.forEach((chunk) => request.write(chunk));
            request.end();
        } else {
            request.setHeader('content-length', Buffer.byteLength(body));
            request.end(body);
        }
        const [response] = await once(request, 'response');
        let text = '';
        for await (const data of response.setEncoding('utf8')) text += data;
        return { status: response.statusCode, text };
    }

    /** Opens a connection and writes `bytes` to it as they are. */
    async raw(bytes) {
        const socket = net.connect(this.port, host);
        await once(socket, 'connect');
        socket.on('error', () => {}); // what matters is how the receiver goes on
        await new Promise((done) => socket.write(bytes, done));
        return socket;
    }

    async stop() {
        if (this.alive()) this.child.kill('SIGTERM');
        const timer = setTimeout(() => this.child.kill('SIGKILL'), patience);
        await this.ended;
        clearTimeout(timer);
    }
}

/** This process's environment with `env`, and without the variables that a receiver reads. */
function cleaned(env) {
    const { PIVOTAL_WEBHOOK_SECRET, PORT, ...rest } = process.env;
    const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined));
    return { ...rest, ...set };
}

async function accepts(port) {
    const socket = net.connect(port, host);
    const accepted = await new Promise((answer) => {
        socket.on('connect', () => answer(true)).on('error', () => answer(false));
    });
    socket.destroy();
    return accepted;
}
