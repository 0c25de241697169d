// The official TypeScript client against `regatta mcp`: tools, a diamond, progress, a wait that is taken back.
// client.mjs (v1|v2) (stdio|http) (legacy|modern); the rest comes by environment. Says what it saw as JSON.
import fs from 'node:fs';

const [generation, transport, era] = process.argv.slice(2);
const { REGATTA_BINARY, REGATTA_ROOT, REGATTA_URL, REGATTA_TOKEN } = process.env;
const parts = {
  v1: ['@modelcontextprotocol/sdk/client/index.js', '@modelcontextprotocol/sdk/client/stdio.js', '@modelcontextprotocol/sdk/client/streamableHttp.js'],
  v2: ['@modelcontextprotocol/client', '@modelcontextprotocol/client/stdio', '@modelcontextprotocol/client'],
}[generation];
const [{ Client }, { StdioClientTransport }, { StreamableHTTPClientTransport }] = await Promise.all(parts.map((part) => import(part)));

const options = era === 'modern' ? { versionNegotiation: { mode: 'auto' } } : {};
const client = new Client({ name: 'test', version: '1' }, options);
const headers = { Authorization: `Bearer ${REGATTA_TOKEN}` };
await client.connect(transport === 'stdio'
  ? new StdioClientTransport({ command: REGATTA_BINARY, args: ['mcp', '--workspace', REGATTA_ROOT] })
  : new StreamableHTTPClientTransport(new URL(REGATTA_URL), { requestInit: { headers } }));

async function call(name, args, options) {
  const asked = { name, arguments: args };
  const said = generation === 'v1' ? await client.callTool(asked, undefined, options) : await client.callTool(asked, options);
  return said.structuredContent;
}

const seen = { tools: (await client.listTools()).tools.map((tool) => tool.name) };
seen.modern = generation === 'v2' && client.getDiscoverResult() !== undefined;
const task = (id, after, content) => ({ id, tool: 'file_write', dependsOn: after, params: { path: `${id}.txt`, content } });
seen.diamond = await call('parallel_execute', { tasks: [
  task('top', [], 'one'), task('left', ['top'], 'l'), task('right', ['top'], 'r'),
  { id: 'bottom', tool: 'file_read', dependsOn: ['left', 'right'], params: { path: 'top.txt' } },
] });

const plan = { version: 1, tasks: [{ id: 'a', run: 'cat $REGATTA_WORKSPACE/go' }] };
const run_id = (await call('run_start', { plan })).run_id;
seen.progress = [];
const taken = new AbortController();
const onprogress = (told) => { seen.progress.push(told.total); taken.abort('enough'); };
seen.cancelled = await call('run_wait', { run_id }, { onprogress, signal: taken.signal }).then(() => false, () => true);
seen.status = (await call('run_status', { run_id })).status;
fs.writeFileSync(`${REGATTA_ROOT}/go`, 'now\n');
seen.end = (await call('run_wait', { run_id })).status;
await client.close();
console.log(JSON.stringify(seen));
