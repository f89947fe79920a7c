//! A client of one MCP server, as an agent starts it.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use hyperion_testkit::Hyperion;
use serde_json::{Value, json};

/// A client of one server.
pub(crate) struct Client {
    pub(crate) server: Child,
    pub(crate) to: Option<ChildStdin>,
    pub(crate) from: Lines<BufReader<ChildStdout>>,
    pub(crate) last_id: u32,
}

impl Client {
    /// Starts one of the servers.
    #[track_caller]
    pub(crate) fn of(hyperion: &Hyperion, name: &str, args: &[&str]) -> Self {
        let args: Vec<_> = ["mcp", name].iter().chain(args).copied().collect();
        let mut server = hyperion
            .command(&args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let from = BufReader::new(server.stdout.take().unwrap()).lines();
        let mut client = Self {
            to: server.stdin.take(),
            server,
            from,
            last_id: 0,
        };
        let told = client.ask(
            "initialize",
            &json!({
                "protocolVersion": "2025-06-18", "capabilities": {},
                "clientInfo": {"name": "test", "version": "1"}
            }),
        );
        assert_eq!(told["serverInfo"]["name"], format!("hyperion-{name}"));
        client.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        client
    }

    /// Sends a message.
    pub(crate) fn send(&mut self, message: &Value) {
        let to = self.to.as_mut().unwrap();
        writeln!(to, "{message}").unwrap();
        to.flush().unwrap();
    }

    /// Sends a request without waiting; gives its id.
    pub(crate) fn begin(&mut self, method: &str, params: &Value) -> u32 {
        self.last_id += 1;
        let id = self.last_id;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        id
    }

    /// Sends a request, and gives its result.
    #[track_caller]
    pub(crate) fn ask(&mut self, method: &str, params: &Value) -> Value {
        let id = self.begin(method, params);
        let line = self.from.next().expect("an answer").unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(answer["id"], id, "{answer}");
        answer["result"].clone()
    }

    /// Calls a tool that has to work, and gives what it answers.
    #[track_caller]
    pub(crate) fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        let result = self.ask("tools/call", &json!({"name": tool, "arguments": arguments}));
        assert_eq!(result["isError"], false, "{tool}: {result}");
        result["structuredContent"].clone()
    }

    /// Calls a tool that has to be refused, and gives what it says.
    #[track_caller]
    pub(crate) fn refused(&mut self, tool: &str, arguments: &Value) -> String {
        let result = self.ask("tools/call", &json!({"name": tool, "arguments": arguments}));
        assert_eq!(result["isError"], true, "{tool}: {result}");
        result["content"][0]["text"].as_str().unwrap().to_owned()
    }

    /// Closes the server's input and waits until it is gone.
    #[track_caller]
    pub(crate) fn leave(mut self) {
        drop(self.to.take());
        let status = self.server.wait().unwrap();
        assert!(status.success(), "{status}");
    }
}
