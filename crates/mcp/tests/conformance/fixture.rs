//! A server of ours with the suite's own tools beside its tools.

use std::sync::Arc;

use hyperion_api::Client;
use hyperion_api::tool::{self as wire, OpenSession};
use hyperion_mcp::Server;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestParams, CompleteResult,
    ContentBlock, ErrorCode, ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult,
    ListToolsResult, PaginatedRequestParams, ProgressNotificationParam, ResourceContents,
    ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Value, json};

/// A picture of one dot.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
/// A sound without a sample.
const WAV: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQAAAAA=";

pub(crate) struct Fixture {
    ours: Server,
}

impl Fixture {
    pub(crate) fn new(client: Client) -> Self {
        let filesystem = wire::server("filesystem").unwrap();
        let root = OpenSession::Root("/r".to_owned());
        Self {
            ours: Server::new(filesystem, root, client, "0"),
        }
    }
}

impl ServerHandler for Fixture {
    fn get_info(&self) -> ServerConfig {
        self.ours.get_info()
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        let own = tools().into_iter().find(|tool| tool.name == name);
        own.or_else(|| self.ours.get_tool(name))
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let mut listed = self.ours.list_tools(request, context).await?;
        listed.tools.extend(tools());
        Ok(listed)
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        self.ours.list_prompts(request, context).await
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        self.ours.list_resources(request, context).await
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        self.ours.list_resource_templates(request, context).await
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        self.ours.complete(request, context).await
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let content = match request.name.as_ref() {
            "test_simple_text" => {
                vec![ContentBlock::text(
                    "This is a simple text response for testing.",
                )]
            }
            "test_image_content" => vec![ContentBlock::image(PNG, "image/png")],
            "test_audio_content" => vec![ContentBlock::audio(WAV, "audio/wav")],
            "test_embedded_resource" => vec![ContentBlock::embedded_text(
                "test://embedded-resource",
                "This is an embedded resource content.",
            )],
            "test_multiple_content_types" => vec![
                ContentBlock::text("Multiple content types test:"),
                ContentBlock::image(PNG, "image/png"),
                ContentBlock::resource(
                    ResourceContents::text(
                        r#"{"test":"data","value":123}"#,
                        "test://mixed-content-resource",
                    )
                    .with_mime_type("application/json"),
                ),
            ],
            "test_error_handling" => {
                let said = "This tool intentionally returns an error for testing";
                return Ok(CallToolResult::error(vec![ContentBlock::text(said)]).into());
            }
            "test_tool_with_progress" => {
                if let Some(token) = context.meta.get_progress_token() {
                    for percent in [0.0, 50.0, 100.0] {
                        let progress = ProgressNotificationParam::new(token.clone(), percent)
                            .with_total(100.0);
                        let told = context.peer.notify_progress(progress).await;
                        told.map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
                    }
                }
                vec![ContentBlock::text("done")]
            }
            "test_missing_capability" => {
                let declared = context.meta.client_capabilities();
                if declared.is_some_and(|declared| declared.sampling.is_some()) {
                    return Ok(CallToolResult::success(vec![ContentBlock::text("done")]).into());
                }
                return Err(ErrorData::new(
                    ErrorCode::MISSING_REQUIRED_CLIENT_CAPABILITY,
                    "this tool needs a client that samples",
                    Some(json!({"requiredCapabilities": {"sampling": {}}})),
                ));
            }
            "json_schema_2020_12_tool"
            | "test_header"
            | "test_logging_tool"
            | "test_streaming_elicitation"
            | "test_trigger_tool_change" => {
                vec![ContentBlock::text("done")]
            }
            _ => return self.ours.call_tool(request, context).await,
        };
        Ok(CallToolResult::success(content).into())
    }
}

/// The tools that the suite calls by name.
fn tools() -> Vec<Tool> {
    let plain = [
        "test_simple_text",
        "test_image_content",
        "test_audio_content",
        "test_embedded_resource",
        "test_multiple_content_types",
        "test_error_handling",
        "test_tool_with_progress",
        "test_missing_capability",
        "test_logging_tool",
        "test_streaming_elicitation",
        "test_trigger_tool_change",
    ];
    let nothing = json!({"type": "object", "properties": {}});
    let mut tools: Vec<Tool> = plain.iter().map(|name| tool(name, &nothing)).collect();
    tools.push(tool(
        "test_header",
        &json!({
            "type": "object",
            "properties": {"region": {"type": "string", "x-mcp-header": "Region"}},
            "required": ["region"]
        }),
    ));
    tools.push(tool(
        "json_schema_2020_12_tool",
        &json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "$defs": {"address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": {"street": {"type": "string"}, "city": {"type": "string"}}
            }},
            "properties": {
                "name": {"type": "string"},
                "address": {"$ref": "#/$defs/address"},
                "contactMethod": {"type": "string", "enum": ["phone", "email"]},
                "phone": {"type": "string"},
                "email": {"type": "string"}
            },
            "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
            "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
            "then": {"required": ["phone"]},
            "else": {"required": ["email"]},
            "additionalProperties": false
        }),
    ));
    tools
}

fn tool(name: &'static str, schema: &Value) -> Tool {
    let schema = schema.as_object().unwrap().clone();
    Tool::new(name, "A tool of the conformance suite", Arc::new(schema))
}
