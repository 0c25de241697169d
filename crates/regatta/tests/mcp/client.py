"""The official Python client against `regatta mcp`: tools, a diamond, progress, a wait that is taken back.

client.py (stdio|http) (legacy|modern); the rest comes by environment. Says what it saw as JSON.
"""

import json
import os
import sys

import anyio
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

transport, era = sys.argv[1:]
root = os.environ["REGATTA_ROOT"]


def task(name, after, content):
    return {"id": name, "tool": "file_write", "dependsOn": after, "params": {"path": f"{name}.txt", "content": content}}


async def talk(client):
    async def call(name, arguments, **more):
        return (await client.call_tool(name, arguments, **more)).structured_content

    seen = {"tools": [tool.name for tool in (await client.list_tools()).tools], "modern": client.protocol_version == "2026-07-28"}
    tasks = [
        task("top", [], "one"),
        task("left", ["top"], "l"),
        task("right", ["top"], "r"),
        {"id": "bottom", "tool": "file_read", "dependsOn": ["left", "right"], "params": {"path": "top.txt"}},
    ]
    seen["diamond"] = await call("parallel_execute", {"tasks": tasks})
    plan = {"version": 1, "tasks": [{"id": "a", "run": "cat $REGATTA_WORKSPACE/go"}]}
    run = {"run_id": (await call("run_start", {"plan": plan}))["run_id"]}
    seen["progress"] = []
    with anyio.CancelScope() as scope:

        async def told(progress, total, message):
            seen["progress"].append(total)
            scope.cancel()

        await call("run_wait", run, progress_callback=told)
    seen["cancelled"] = scope.cancelled_caught
    seen["status"] = (await call("run_status", run))["status"]
    with open(f"{root}/go", "w") as go:
        go.write("now\n")
    seen["end"] = (await call("run_wait", run))["status"]
    return seen


async def main():
    mode = "auto" if era == "modern" else "legacy"
    if transport == "stdio":
        arguments = ["mcp", "--workspace", root]
        async with Client(StdioServerParameters(command=os.environ["REGATTA_BINARY"], args=arguments), mode=mode) as client:
            return await talk(client)
    headers = {"Authorization": f"Bearer {os.environ['REGATTA_TOKEN']}"}
    async with create_mcp_http_client(headers=headers) as http:
        async with Client(streamable_http_client(os.environ["REGATTA_URL"], http_client=http), mode=mode) as client:
            return await talk(client)


print(json.dumps(anyio.run(main)))
