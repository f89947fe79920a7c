//! MCP servers over standard input and output: ours, and those that others wrote for files and for git.

use super::program::{McpServer, Program, Python};
use super::{Bench, Floor, Wanted};

const fn ahead(case: &'static str) -> Floor {
    Floor {
        case,
        wanted: Wanted::TimesEachPeer(1.0),
    }
}

pub(super) const BENCH: Bench = Bench {
    name: "mcp",
    ours: Program::Target {
        package: "hyperion",
        bench: "mcp",
    },
    peers: &[
        (
            "server-filesystem",
            Program::McpServer(McpServer::Npm(
                "@modelcontextprotocol/server-filesystem",
                "2026.8.31",
                "dist/index.js",
            )),
        ),
        (
            "mcp-server-git",
            Program::McpServer(McpServer::Python(Python(
                "mcp-server-git",
                "2026.10.19",
                &["-m", "mcp_server_git", "--repository"],
            ))),
        ),
    ],
    floors: &[
        ahead("init"),
        ahead("memory, at rest"),
        ahead("memory, after all of that"),
        ahead("init and a first file read, nothing else up"),
        ahead("read a file of 2 KB"),
        ahead("edit a file of 2 KB"),
        ahead("list a folder of 50 files"),
        ahead("search by name, 50k files"),
        ahead("git: init"),
        ahead("git: memory, at rest"),
        ahead("git: status, 5k files"),
        ahead("git: the last 10 commits"),
        ahead("git: add and commit a file, 5k files"),
        ahead("git: memory, after all of that"),
    ],
};
