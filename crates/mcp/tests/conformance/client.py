"""The Python client of the protocol against `hyperion mcp filesystem`: `client.py HYPERION ROOT`.

Prints a line for each case that went well, and ends with an error at the first that did not.
"""

import os
import sys

import anyio
from mcp import MCPError, StdioServerParameters
from mcp.client import Client

TOOLS = ["readFile", "writeFile", "editFile", "listDirectory", "searchFiles", "deleteFile"]


async def works(client: Client, tool: str, **arguments):
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result
    return result.structured_content


async def agree(server: StdioServerParameters, mode: str, version: str):
    def well(case: str):
        print(f"{version}\t{case}", flush=True)

    async with Client(server, mode=mode) as client:
        assert client.protocol_version == version, client.protocol_version
        assert client.server_info.name == "hyperion-filesystem", client.server_info
        well("agree on a version")
        listed = [tool.name for tool in (await client.list_tools()).tools]
        assert listed == TOOLS, listed
        well("list the tools")

        written = await works(client, "writeFile", path="py/a.txt", content="one\n")
        well("writeFile")
        read = await works(client, "readFile", path="py/a.txt")
        assert read["content"] == "one\n" and read["sha256"] == written["sha256"], read
        well("readFile")
        edited = await works(
            client, "editFile", path="py/a.txt", sha256=read["sha256"], oldText="one", newText="two"
        )
        well("editFile")
        names = [entry["path"] for entry in (await works(client, "listDirectory", path="py"))["entries"]]
        assert names == ["py/a.txt"], names
        well("listDirectory")
        found = await works(client, "searchFiles", pattern="two", directory="py")
        assert [match["path"] for match in found["matches"]] == ["py/a.txt"], found
        well("searchFiles")
        await works(client, "deleteFile", path="py/a.txt", sha256=edited["sha256"])
        well("deleteFile")

        refused = await client.call_tool("readFile", {"path": "py/a.txt"})
        assert refused.is_error and "(file.missing)" in refused.content[0].text, refused
        well("a call that is refused")
        try:
            await client.call_tool("no_such_tool", {})
            raise AssertionError("there is no such tool")
        except MCPError:
            well("a tool that is not there")

        with anyio.move_on_after(0.005) as scope:
            await client.call_tool("searchFiles", {"pattern": "a|b.*c", "directory": "", "kind": "regex"})
        assert scope.cancelled_caught, "the search was over before it was called off"
        assert (await works(client, "listDirectory", path=""))["entries"]
        well("a call that is called off")


async def main():
    program, root = sys.argv[1:]
    server = StdioServerParameters(
        command=program, args=["mcp", "filesystem", "--root", root], env=dict(os.environ)
    )
    with anyio.fail_after(120):
        await agree(server, "legacy", "2025-11-25")
        await agree(server, "auto", "2026-07-28")


anyio.run(main)
