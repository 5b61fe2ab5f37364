// Loaded with --import into a child forked for utilityProcess: gives it Electron's process.parentPort in the
// place of child_process's own channel, which a real utility process does not have.
import { EventEmitter } from 'node:events';

const send = process.send.bind(process);
const parentPort = new EventEmitter();
parentPort.postMessage = (message) => void send(message);
parentPort.start = () => {};
process.on('message', (data) => parentPort.emit('message', { data, ports: [] }));
process.on('disconnect', () => process.exit(0));
process.parentPort = parentPort;
process.send = undefined;
