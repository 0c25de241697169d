#!/usr/bin/env python3
"""A server of tools over streamable HTTP. Writes its port into a file, and what happens to it into another one.

Arguments: the file for the port, the file for the log. It wants `Authorization: Bearer t`, and a session. At
`/newer` it speaks the revision without a handshake only, and has no sessions.
"""
import json, os, socket, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT, LOG = sys.argv[1], sys.argv[2]
SESSIONS, COUNT, KEPT = set(), [0], {}


def log(line):
    with open(LOG, "a") as file:
        file.write(line + "\n")


def answer(id, words, **more):
    return {"jsonrpc": "2.0", "id": id, "result": {"content": [{"type": "text", "text": words}], **more}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def reply(self, status, body=None, **headers):
        data = json.dumps(body).encode() if body is not None else b""
        self.send_response(status)
        if body is not None:
            self.send_header("content-type", "application/json")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def events(self, events):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for id, message in events:
            self.wfile.write(f"id: {id}\ndata: {json.dumps(message)}\n\n".encode())
            self.wfile.flush()
        self.close_connection = True

    def do_DELETE(self):
        log("deleted")
        SESSIONS.discard(self.headers.get("mcp-session-id"))
        self.reply(200)

    def do_GET(self):
        last = self.headers.get("last-event-id")
        if last in KEPT:
            log(f"resumed {last}")
            return self.events([("end", KEPT.pop(last))])
        self.reply(405)

    def newer(self, method, id):
        if self.headers.get("mcp-protocol-version") != "2026-07-28" or method == "initialize":
            error = {"code": -32601, "message": f"unknown method {method}"}
            return self.reply(400, {"jsonrpc": "2.0", "id": id, "error": error})
        log(f"newer {method}")
        known = {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}, "ttlMs": 0, "cacheScope": "private"}
        result = known if method == "server/discover" else answer(id, "newer")["result"]
        self.reply(200, {"jsonrpc": "2.0", "id": id, "result": {"resultType": "complete", **result}})

    def odd(self, what):
        """An answer that is none."""
        status, kind, data = {
            "page": (200, "text/html", b"<h1>Welcome</h1>"), "refusal": (403, "text/plain", b"not for you"),
            "gateway": (502, "text/plain", b""), "broken": (200, "application/json", b"{oops"), "void": (200, "application/json", b""),
        }[what]
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        method, id = body.get("method"), body.get("id")
        if self.path in ["/page", "/refusal", "/gateway", "/broken", "/void"]:
            return self.odd(self.path[1:])
        if self.path == "/away":
            return self.reply(307, location="/mcp")
        if self.headers.get("authorization") != "Bearer t":
            return self.reply(401, {"error": "no"})
        if self.path == "/newer":
            return self.newer(method, id)
        if method == "initialize":
            COUNT[0] += 1
            SESSIONS.add(f"s{COUNT[0]}")
            log(f"session s{COUNT[0]}")
            result = {"protocolVersion": body["params"]["protocolVersion"], "capabilities": {"tools": {}},
                      "serverInfo": {"name": "web", "version": "1"}}
            return self.reply(200, {"jsonrpc": "2.0", "id": id, "result": result}, mcp_session_id=f"s{COUNT[0]}")
        if self.headers.get("mcp-session-id") not in SESSIONS:
            return self.reply(404)
        if method == "notifications/cancelled":
            log("cancelled")
        if id is None:
            return self.reply(202)
        if method == "tools/list":
            tools = [{"name": name, "inputSchema": {"type": "object"}} for name in ["plain", "stream", "resumed"]]
            return self.reply(200, {"jsonrpc": "2.0", "id": id, "result": {"tools": tools}})
        name, args = body["params"]["name"], body["params"].get("arguments") or {}
        log(f"call {name}")
        if name == "plain":
            return self.reply(200, answer(id, "plain", structuredContent={"args": args}))
        if name == "stream":
            token = body["params"]["_meta"]["progressToken"]
            note = {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": token, "progress": 1, "total": 2}}
            return self.events([("1", note), ("2", answer(id, "streamed"))])
        if name == "resumed":
            KEPT["half"] = answer(id, "after the break")
            note = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "x"}}
            return self.events([("half", note)])
        if name == "busy":
            return self.reply(429, retry_after="7")
        if name == "cut":
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return None
        if name == "slow":
            open(args["up"], "w").write("up")
            threading.Event().wait()
        if name in ["gateway", "broken", "void"]:
            return self.odd(name)
        if name == "forget":
            SESSIONS.clear()
            return self.reply(200, answer(id, "forgotten"))
        self.reply(200, {"jsonrpc": "2.0", "id": id, "error": {"code": -32602, "message": f"unknown tool {name}"}})


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(PORT + ".new", "w") as file:
    file.write(str(server.server_address[1]))
os.rename(PORT + ".new", PORT)
open("ready", "w").write("ready")
server.serve_forever()
