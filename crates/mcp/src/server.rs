//! One server: its tools, and the way of a call to the engine.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyperion_api::tool::{self as wire, Content, Effect, OpenSession, ToolResult, Toolset};
use hyperion_api::{Client, ClientError, Problem};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestMethod,
    CompleteRequestParams, CompleteResult, ContentBlock, Implementation, ListPromptsRequestMethod,
    ListPromptsResult, ListResourceTemplatesRequestMethod, ListResourceTemplatesResult,
    ListResourcesRequestMethod, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
    ProgressNotificationParam, ServerCapabilities, ServerConfig, Tool, ToolAnnotations,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Value, json};
use tokio::sync::Mutex;

/// How often a client that asks for it hears that its call is still at work: many give up after a minute of silence.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

/// The tools of one server, bound to one place.
pub struct Server {
    toolset: &'static Toolset,
    version: String,
    client: Client,
    tools: Vec<Tool>,
    session: Mutex<Sessions>,
    sign_of_life: Duration,
}

/// The engine's session; it is forgotten with the engine, and then opened again.
struct Sessions {
    /// What the next one is to be bound to.
    wanted: OpenSession,
    opened: Option<Opened>,
}

/// A session that was opened.
#[derive(Clone)]
struct Opened {
    number: u64,
    client: Client,
}

impl Server {
    /// Makes a server; what it is bound to is looked at when the first call comes.
    pub fn new(
        toolset: &'static Toolset,
        bound_to: OpenSession,
        client: Client,
        version: &str,
    ) -> Self {
        Self {
            toolset,
            version: version.to_owned(),
            client,
            tools: toolset.tools().iter().map(told).collect(),
            session: Mutex::new(Sessions {
                wanted: bound_to,
                opened: None,
            }),
            sign_of_life: SIGN_OF_LIFE,
        }
    }

    /// Lets a client hear that its call is still at work so often, in the place of every 10 s.
    #[must_use]
    pub const fn with_sign_of_life(mut self, every: Duration) -> Self {
        self.sign_of_life = every;
        self
    }

    /// Gives a client that speaks in a session; a session that the engine forgot is opened anew.
    async fn in_session(&self, agent: &str, forgotten: Option<u64>) -> Result<Opened, ClientError> {
        let mut session = self.session.lock().await;
        let number = match session.opened.as_ref() {
            None => 1,
            // Of several calls that find it forgotten, the first opens another.
            Some(opened) if forgotten != Some(opened.number) => return Ok(opened.clone()),
            Some(opened) => opened.number + 1,
        };
        let told: wire::Session = self
            .client
            .post(
                &format!("/api/tools/sessions?agent={agent}"),
                &session.wanted,
            )
            .await?;
        // Whoever was given a clone keeps it, also with the next engine.
        if let Some(clone) = told.clone {
            session.wanted = OpenSession::Clone(clone);
        }
        let opened = Opened {
            number,
            client: self.client.with_session(&told.token),
        };
        session.opened = Some(opened.clone());
        Ok(opened)
    }

    async fn call(
        &self,
        agent: &str,
        tool: &str,
        parameters: &Value,
    ) -> Result<ToolResult, ClientError> {
        let path = format!("/api/tools/{}/{tool}", self.toolset.name);
        let session = self.in_session(agent, None).await?;
        match session.client.post(&path, parameters).await {
            // Refused before anything was done, so it is safe to ask again.
            Err(ClientError::Problem(problem)) if problem.code == "tool.session_unknown" => {
                let session = self.in_session(agent, Some(session.number)).await?;
                session.client.post(&path, parameters).await
            }
            answered => answered,
        }
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new(
                format!("hyperion-{}", self.toolset.name),
                self.version.clone(),
            ))
            .with_instructions(self.toolset.instructions)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.tools.clone()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let name = request.name.as_ref();
        if !self.tools.iter().any(|tool| tool.name == name) {
            let names: Vec<_> = self.tools.iter().map(|tool| tool.name.as_ref()).collect();
            let message = format!(
                "there is no tool {name:?}; the tools are {}",
                names.join(", ")
            );
            return Err(ErrorData::invalid_params(message, None));
        }
        let parameters = request.arguments.map_or_else(|| json!({}), Value::Object);
        let agent = agent_name(&context);
        let called = tokio::select! {
            called = self.call(&agent, name, &parameters) => called,
            // The engine finishes the call; its answer is dropped.
            () = context.ct.cancelled() => {
                return Err(ErrorData::internal_error("the call was cancelled", None));
            }
            never = signs_of_life(&context, name, self.sign_of_life) => match never {},
        };
        Ok(match called {
            Ok(result) => answered(result),
            Err(error) => failed(error),
        }
        .into())
    }

    // We have none and announce none; by default the SDK would answer as if we had.

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListPromptsRequestMethod>())
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListResourcesRequestMethod>())
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Err(ErrorData::method_not_found::<
            ListResourceTemplatesRequestMethod,
        >())
    }

    async fn complete(
        &self,
        _: CompleteRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        Err(ErrorData::method_not_found::<CompleteRequestMethod>())
    }
}

/// The most letters of a client's name that are kept.
const NAME_CHARS_MAX: usize = 60;

/// Gives what a client calls itself, as a plain word.
fn agent_name(context: &RequestContext<RoleServer>) -> String {
    let told = context.peer.peer_info();
    let told = told.map(|info| info.client_info.name.clone());
    let plain = |c: char| match c {
        c if c.is_ascii_alphanumeric() || "._-".contains(c) => c,
        _ => '-',
    };
    let name: String = told.unwrap_or_default().trim().chars().map(plain).collect();
    let name: String = name.chars().take(NAME_CHARS_MAX).collect();
    if name.chars().any(|c| c != '-') {
        name
    } else {
        "unnamed".to_owned()
    }
}

/// Tells a client that asked for it that its call is still at work.
async fn signs_of_life(
    context: &RequestContext<RoleServer>,
    tool: &str,
    every: Duration,
) -> Infallible {
    let Some(token) = context.meta.get_progress_token() else {
        return std::future::pending().await;
    };
    let began = Instant::now();
    loop {
        tokio::time::sleep(every).await;
        let took = began.elapsed();
        let sign = ProgressNotificationParam::new(token.clone(), took.as_secs_f64())
            .with_message(format!("{tool} has been at work for {} s", took.as_secs()));
        // A client that does not read this will not read the answer either.
        let _ = context.peer.notify_progress(sign).await;
    }
}

/// Describes a tool as MCP does.
fn told(tool: &wire::Tool) -> Tool {
    let object = |schema: &Value| match schema {
        Value::Object(object) => Arc::new(object.clone()),
        // Every schema of a tool is an object; a test of `api` sees to it.
        _ => Arc::default(),
    };
    let mut annotations = ToolAnnotations::with_title(tool.title)
        .read_only(!tool.effect.changes())
        .open_world(tool.effect == Effect::Runs);
    if tool.effect.changes() {
        annotations = annotations
            .destructive(matches!(tool.effect, Effect::Removes | Effect::Runs))
            .idempotent(false);
    }
    let mut told = Tool::new(tool.name, tool.description, object(&tool.input));
    told.title = Some(tool.title.to_owned());
    told.output_schema = Some(object(&tool.output));
    told.annotations = Some(annotations);
    told
}

fn answered(result: ToolResult) -> CallToolResult {
    let content = result.content.into_iter().map(|content| match content {
        Content::Text { text } => ContentBlock::text(text),
    });
    let content = content.collect();
    if result.is_error {
        // Without its problem document: clients check whatever is structured against the schema of a result.
        return CallToolResult::error(content);
    }
    let mut told = CallToolResult::success(content);
    told.structured_content = Some(result.structured);
    told
}

/// A call that the engine refused, or that did not reach it, is told to the agent: it may mend it.
fn failed(error: ClientError) -> CallToolResult {
    let problem = match error {
        ClientError::Problem(problem) => *problem,
        error => Problem::new("engine.unavailable", chain(&error)).hint(
            "look whether a change was made before you try again; a person can look at `hyperion doctor`",
        ),
    };
    let mut text = format!("{} ({})", problem.detail, problem.code);
    if let Some(hint) = &problem.hint {
        text.push_str("\nWhat to do: ");
        text.push_str(hint);
    }
    CallToolResult::error(vec![ContentBlock::text(text)])
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
