#!/usr/bin/env python3
"""A server of tools over standard input and output, good and bad. What happens to it it writes into a file.

Arguments: the file, and words that change it: `noisy` (logs to standard output first), `silent` (never initialises),
`dead` (ends at once), `later` (speaks a revision that nobody knows), `newer` (speaks the revision without a handshake only), `tells` (what its variable OWN is).
"""
import json, os, subprocess, sys, threading, time

LOG, WORDS = sys.argv[1], sys.argv[2:]
OUT = threading.Lock()


def log(line):
    with open(LOG, "a") as file:
        file.write(line + "\n")


def raw(text):
    with OUT:
        sys.stdout.write(text)
        sys.stdout.flush()


def send(message):
    raw(json.dumps({"jsonrpc": "2.0", **message}) + "\n")


def text(words, **more):
    return {"content": [{"type": "text", "text": words}], **more}


def call(id, name, args, meta):
    log(f"call {name} {json.dumps(args, sort_keys=True)}")
    if name == "echo":
        return text("said", structuredContent={"args": args, "key": meta.get("regatta/idempotencyKey")})
    if name == "text":
        return text(args.get("text", "words"))
    if name == "huge":
        return text("said", structuredContent={"n": 2**64, "m": 2**64 - 1})
    if name == "blocks":
        return {"content": [{"type": "text", "text": "a"}, {"type": "image", "data": "AA==", "mimeType": "image/png"}]}
    if name == "fail":
        return text("it went wrong", isError=True)
    if name == "large":
        return text("x" * args["bytes"])
    if name == "pid":
        return text(str(os.getpid()))
    if name == "env":
        return text("env", structuredContent=dict(os.environ))
    if name == "cwd":
        return text(os.getcwd())
    if name == "progress":
        for n in range(1, 4):
            note = {"progressToken": meta["progressToken"], "progress": n, "total": 3, "message": f"step {n}"}
            send({"method": "notifications/progress", "params": note})
            time.sleep(0.15)
        send({"method": "notifications/message", "params": {"level": "info", "data": "all done"}})
        return text("3 steps")
    if name == "slow":
        child = subprocess.Popen(["setsid", "sleep", "987"])
        open(args["up"], "w").write(f"{os.getpid()} {child.pid}")
        threading.Event().wait()
    if name == "crash":
        sys.stderr.write("it hurts\n")
        sys.stderr.flush()
        os._exit(3)
    if name == "crash_once":
        if not os.path.exists(args["mark"]):
            open(args["mark"], "w").close()
            os._exit(3)
        return text("alive")
    if name == "flood":
        while True:
            raw("y" * (1 << 20))
    if name == "notices":
        line = json.dumps({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "z" * 1000}})
        for _ in range(20_000):
            raw(line + "\n")
        return text("told")
    if name == "empty":
        return {}
    if name == "nonsense":
        return {"content": [{"type": "text", "text": 7}]}
    if name == "rubbish":
        for n in range(40):
            raw(f"{{rubbish {n}\n")
        threading.Event().wait()
    if name == "unreadable":
        answer = {"jsonrpc": "2.0", "id": id, "result": text("cut")}
        kind, whole = args["as"], json.dumps(answer)
        if kind == "nan":
            raw(whole.replace('"cut"', "NaN") + "\n")
        if kind == "infinity":
            raw(whole.replace('"cut"', "-Infinity") + "\n")
        if kind == "surrogate":
            raw(whole.replace("cut", "cut \\ud83d") + "\n")
        if kind == "deep":
            raw(whole.replace('"cut"', "[" * 130 + "]" * 130) + "\n")
        if kind == "spread":
            raw(json.dumps(answer, indent=1) + "\n")
        if kind == "latin":
            with OUT:
                sys.stdout.buffer.write(whole.replace("cut", "caf\xe9").encode("latin-1") + b"\n")
                sys.stdout.buffer.flush()
        if kind == "echoing":
            raw('got {"jsonrpc": "2.0", "id": %s, "method": "tools/call"\n{"method": "x", "id": %s, NaN\n' % (id, id))
            return text("well")
        threading.Event().wait()
    raise KeyError(name)


TOOLS = ["echo", "text", "huge", "blocks", "fail", "large", "pid", "env", "cwd", "progress", "slow", "crash", "crash_once", "flood",
         "notices", "nonsense", "empty", "rubbish", "unreadable"]
HINTS = {
    "text": {"readOnlyHint": True},
    "slow": {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": False},
    "fail": {"readOnlyHint": False, "destructiveHint": False, "idempotentHint": True},
}


def tools():
    schema = {"type": "object"}
    strict = {"type": "object", "required": ["bytes"], "properties": {"bytes": {"type": "integer", "minimum": 1}}, "additionalProperties": False}
    names = TOOLS + [word.removeprefix("tool=") for word in WORDS if word.startswith("tool=")]
    for name in names:
        tool = {"name": name, "inputSchema": strict if name == "large" else schema}
        if name in HINTS:
            tool["annotations"] = HINTS[name]
        yield tool


def work(message):
    params = message["params"]
    try:
        result = call(message["id"], params["name"], params.get("arguments") or {}, params.get("_meta") or {})
        more = {"resultType": "complete"} if "newer" in WORDS else {}
        send({"id": message["id"], "result": {**result, **more}})
    except KeyError as error:
        send({"id": message["id"], "error": {"code": -32602, "message": f"unknown tool {error}"}})


log(f"start {os.getpid()}")
if "tells" in WORDS:
    log(f"own {os.environ.get('OWN')}")
if "dead" in WORDS:
    sys.exit("no licence")
if "noisy" in WORDS:
    raw("Server starting...\nlistening on stdio\n")
for line in sys.stdin:
    message = json.loads(line)
    method = message.get("method")
    meta = message.get("params", {}).get("_meta", {})
    if "newer" in WORDS and "id" in message and meta.get("io.modelcontextprotocol/protocolVersion") != "2026-07-28":
        send({"id": message["id"], "error": {"code": -32601, "message": f"unknown method {method}"}})
    elif "newer" in WORDS and method == "server/discover":
        known = {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}, "ttlMs": 0, "cacheScope": "private"}
        send({"id": message["id"], "result": {"resultType": "complete", **known}})
    elif method == "initialize" and "silent" not in WORDS:
        version = "2099-01-01" if "later" in WORDS else message["params"]["protocolVersion"]
        info = {"protocolVersion": version, "capabilities": {"tools": {}},
                "serverInfo": {"name": "test", "version": "1"}}
        send({"id": message["id"], "result": info})
    elif method == "tools/list":
        kept = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"} if "newer" in WORDS else {}
        send({"id": message["id"], "result": {"tools": list(tools()), **kept}})
    elif method == "tools/call":
        threading.Thread(target=work, args=(message,), daemon=True).start()
    elif method == "notifications/cancelled":
        log("cancelled")
    elif method == "ping":
        send({"id": message["id"], "result": {}})
log("closed")
os._exit(0)
