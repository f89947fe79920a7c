"""The Python client of the protocol against `hyperion mcp`: `client.py HYPERION ROOT REPO`, where REPO is a folder to make a repository in.

Prints a line for each case that went well, and ends with an error at the first that did not.
"""

import os
import subprocess
import sys
from pathlib import Path

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


def make_repository(program: str, repo: Path):
    repo.mkdir()
    (repo / "Makefile").write_text("test:\n\t@echo fine\n")

    def run(*words: str):
        subprocess.run(words, cwd=repo, check=True, stdout=subprocess.DEVNULL)

    run("git", "init", "--quiet", "--initial-branch=main")
    run("git", "config", "user.name", "Ada")
    run("git", "config", "user.email", "ada@hyperion.invalid")
    run("git", "add", ".")
    run("git", "commit", "--quiet", "--message=Begin")
    run(program, "init")


async def work_together(start, repo: Path):
    """One piece of work through the other servers; the client holds each answer against the schema it was told."""

    def well(case: str):
        print(f"together\t{case}", flush=True)

    async with Client(start("git", "--repo", str(repo))) as git:
        status = await works(git, "status")
        well("git: status")
        await works(git, "createBranch", name="agent/T-1-python")
        (Path(status["folder"]) / "made.txt").write_text("made\n")
        assert (await works(git, "add", files=["made.txt"]))["added"] == ["made.txt"]
        assert "+made" in (await works(git, "diff", staged=True))["diff"]
        well("git: branch, add, diff")
        commit = (await works(git, "commit", message="Make it"))["commit"]
        assert (await works(git, "log", limit=1))["commits"][0]["commit"] == commit
        well("git: commit, log")
        request = (await works(git, "push"))["request"]
        well("git: push")
    async with Client(start("test-runner", "--root", status["folder"])) as tests:
        ran = await works(tests, "test")
        assert ran["passed"] is True, ran
        well("test-runner: test")
    async with Client(start("control", "--repo", str(repo))) as control:
        assert (await works(control, "plan", request=request))["status"]
        well("control: plan")
        await works(control, "queue", request=request)
        well("control: queue")


async def main():
    program, root, repo = sys.argv[1:]

    def start(*words: str):
        return StdioServerParameters(command=program, args=["mcp", *words], env=dict(os.environ))

    with anyio.fail_after(150):
        await agree(start("filesystem", "--root", root), "legacy", "2025-11-25")
        await agree(start("filesystem", "--root", root), "auto", "2026-07-28")
        make_repository(program, Path(repo))
        await work_together(start, Path(repo))


anyio.run(main)
