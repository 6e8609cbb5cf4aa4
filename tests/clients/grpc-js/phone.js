// A phone with the original protocol: node phone.js HOST AUTH_PORT FILE_PORT SYNC_PORT COMMAND ARG... ; one line of JSON comes out.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const CHUNK_BYTES = 65536;
const [host, authPort, filePort, syncPort, command, ...args] = process.argv.slice(2);

function client(file, port) {
  const definition = loader.loadSync(`${file}/${file}.proto`, { includeDirs: [process.env.PROTOS], keepCase: true, arrays: true });
  const service = `${file[0].toUpperCase()}${file.slice(1)}Service`;
  const Service = grpc.loadPackageDefinition(definition)[file][service];
  return new Service(`${host}:${port}`, grpc.credentials.createInsecure());
}

function metadata() {
  const found = new grpc.Metadata();
  if (process.env.TOKEN) found.set('authorization', `Bearer ${process.env.TOKEN}`);
  return found;
}

function unary(service, method, request) {
  return new Promise((resolve, reject) => {
    service[method](request, metadata(), (error, answer) => (error ? reject(error) : resolve(answer)));
  });
}

function upload(file) {
  return new Promise((resolve, reject) => {
    const call = client('file', filePort).Upload(metadata(), (error, answer) => (error ? reject(error) : resolve(answer)));
    call.on('error', reject);
    call.write({ metadata: { filename: path.basename(file) } });
    const stream = fs.createReadStream(file, { highWaterMark: CHUNK_BYTES });
    stream.on('data', (chunk) => {
      if (!call.write({ chunk })) {
        stream.pause();
        call.once('drain', () => stream.resume());
      }
    });
    stream.on('end', () => call.end());
  });
}

function download(hash, file) {
  return new Promise((resolve, reject) => {
    const call = client('file', filePort).Download({ hash }, metadata());
    const out = fs.createWriteStream(file);
    let largest = 0;
    call.on('data', (answer) => {
      largest = Math.max(largest, answer.chunk.length);
      out.write(answer.chunk);
    });
    call.on('error', reject);
    call.on('end', () => out.end(() => resolve({ largest })));
  });
}

const commands = {
  register: (username, password, security_key) =>
    unary(client('auth', authPort), 'Register', { username, password, security_key }),
  login: (username, password) => unary(client('auth', authPort), 'Login', { username, password }),
  upload,
  download,
  delete: (hash) => unary(client('file', filePort), 'Delete', { hash }),
  list: () => unary(client('sync', syncPort), 'GetSync', {}),
};

commands[command](...args).then(
  (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`),
  (error) => {
    process.stdout.write(`${JSON.stringify({ code: error.code, details: error.details })}\n`);
    process.exitCode = 8;
  },
);
