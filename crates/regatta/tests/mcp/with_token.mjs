// Passes requests on to a server that wants a token, with the token. The conformance suite cannot send one.
// REGATTA_TO=HOST:PORT REGATTA_TOKEN=… node with_token.mjs; says on which port it listens.
import http from 'node:http';

const [host, port] = process.env.REGATTA_TO.split(':');
const bearer = `Bearer ${process.env.REGATTA_TOKEN}`;

const server = http.createServer((asked, answer) => {
  // Host and Origin stay what the suite sent: it tests that they are looked at.
  const headers = { ...asked.headers, authorization: bearer };
  const onward = http.request({ host, port, method: asked.method, path: asked.url, headers }, (said) => {
    answer.writeHead(said.statusCode, said.headers);
    answer.flushHeaders();
    said.pipe(answer);
  });
  onward.on('error', () => answer.destroy());
  answer.on('close', () => onward.destroy());
  asked.pipe(onward);
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
