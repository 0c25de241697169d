//! What the public conformance suite wants to find in a server: tools, resources and prompts of fixed names. They are offered by
//! the shipped server, behind the shipped guards; the binary knows nothing of them.

use regatta::commands::mcp::desk::{Arguments, Desk, Progress, Refused};
use regatta::commands::mcp::http::serve;
use regatta::commands::mcp::offer::Offer;
use regatta::commands::mcp::server::Shared;
use regatta::context::Context;
use regatta::http::token::Token;
use rmcp::model::{
    CallToolResult, ContentBlock, GetPromptResult, JsonObject, Prompt, PromptArgument, PromptMessage,
    Resource, ResourceContents, ResourceTemplate, Role, Tool,
};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A red dot.
const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
/// Silence.
const WAV: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=";

/// The tools that answer with content of a kind, and what they answer.
const TOOLS: [&str; 11] = [
    "test_simple_text",
    "test_image_content",
    "test_audio_content",
    "test_embedded_resource",
    "test_multiple_content_types",
    "test_error_handling",
    "test_tool_with_progress",
    "test_streaming_elicitation",
    "test_logging_tool",
    "json_schema_2020_12_tool",
    "test_custom_header",
];

struct Fixture;

/// A schema that uses what the dialect of 2020 has.
fn wide_schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": { "address": { "$anchor": "addressDef", "type": "object",
            "properties": { "street": { "type": "string" }, "city": { "type": "string" } } } },
        "properties": { "name": { "type": "string" }, "address": { "$ref": "#/$defs/address" },
            "contactMethod": { "type": "string", "enum": ["phone", "email"] },
            "phone": { "type": "string" }, "email": { "type": "string" } },
        "allOf": [{ "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }] }],
        "if": { "properties": { "contactMethod": { "const": "phone" } }, "required": ["contactMethod"] },
        "then": { "required": ["phone"] },
        "else": { "required": ["email"] },
        "additionalProperties": false,
    })
}

fn embedded(uri: &str) -> ContentBlock {
    ContentBlock::resource(
        ResourceContents::text("{\"test\":\"data\",\"value\":123}", uri).with_mime_type("application/json"),
    )
}

impl Offer for Fixture {
    fn tools(&self) -> Vec<Tool> {
        TOOLS.iter().filter_map(|name| self.tool(name)).collect()
    }

    fn tool(&self, name: &str) -> Option<Tool> {
        let name = *TOOLS.iter().find(|tool| **tool == name)?;
        let schema = match name {
            "json_schema_2020_12_tool" => wide_schema(),
            "test_custom_header" => json!({ "type": "object",
                "properties": { "value": { "type": "string", "x-mcp-header": "Value" } }, "required": ["value"] }),
            _ => json!({ "type": "object", "properties": {} }),
        };
        let Value::Object(schema) = schema else { return None };
        Some(Tool::new(name, "Wanted by the conformance suite.", Arc::new(schema)))
    }

    fn call(&self, name: &str, desk: &Desk<'_>, _: Arguments) -> Result<CallToolResult, Refused> {
        let image = || ContentBlock::image(PNG, "image/png");
        let content = match name {
            "test_image_content" => vec![image()],
            "test_audio_content" => vec![ContentBlock::audio(WAV, "audio/wav")],
            "test_embedded_resource" => vec![embedded("test://embedded-resource")],
            "test_multiple_content_types" => {
                vec![ContentBlock::text("Several kinds:"), image(), embedded("test://mixed-content-resource")]
            }
            "test_error_handling" => {
                return Err(Refused::new("This tool intentionally returns an error for testing"));
            }
            "test_tool_with_progress" | "test_streaming_elicitation" => {
                [0.0, 50.0, 100.0].into_iter().for_each(|done| (desk.tell)(Progress { done, total: 100 }));
                vec![ContentBlock::text("told three times")]
            }
            _ => vec![ContentBlock::text("This is a simple text response for testing.")],
        };
        Ok(CallToolResult::success(content))
    }

    fn resources(&self, _: &Context) -> Result<Vec<Resource>, Refused> {
        let text = Resource::new("test://static-text", "text")
            .with_description("Text.")
            .with_mime_type("text/plain");
        let binary = Resource::new("test://static-binary", "bytes")
            .with_description("Bytes.")
            .with_mime_type("image/png");
        Ok(vec![text, binary])
    }

    fn templates(&self) -> Vec<ResourceTemplate> {
        vec![ResourceTemplate::new("test://template/{id}/data", "by id").with_mime_type("application/json")]
    }

    fn read(&self, _: &Context, uri: &str) -> Result<Option<ResourceContents>, Refused> {
        let id = uri.strip_prefix("test://template/").and_then(|rest| rest.strip_suffix("/data"));
        Ok(match (uri, id) {
            (_, Some(id)) => {
                let text = json!({ "id": id, "templateTest": true, "data": format!("Data for ID: {id}") });
                Some(ResourceContents::text(text.to_string(), uri).with_mime_type("application/json"))
            }
            ("test://static-text", _) => {
                Some(ResourceContents::text("This is the content of the static text resource.", uri))
            }
            ("test://static-binary", _) => Some(ResourceContents::blob(PNG, uri).with_mime_type("image/png")),
            _ => None,
        })
    }

    fn prompts(&self) -> Vec<Prompt> {
        let prompt = |name: &str, arguments: &[&str]| {
            let argument =
                |name: &&str| PromptArgument::new(*name).with_description("Text.").with_required(true);
            let arguments: Vec<_> = arguments.iter().map(argument).collect();
            Prompt::new(name, Some("Wanted by the conformance suite."), Some(arguments))
        };
        vec![
            prompt("test_simple_prompt", &[]),
            prompt("test_prompt_with_arguments", &["arg1", "arg2"]),
            prompt("test_prompt_with_embedded_resource", &["resourceUri"]),
            prompt("test_prompt_with_image", &[]),
        ]
    }

    fn prompt(&self, name: &str, arguments: Option<&JsonObject>) -> Option<GetPromptResult> {
        let given = |name: &str| Some(arguments?.get(name)?.as_str()?.to_owned());
        let say = |content: ContentBlock| PromptMessage::new(Role::User, content);
        let text = |text: String| say(ContentBlock::text(text));
        let messages = match name {
            "test_simple_prompt" => vec![text("This is a simple prompt for testing.".to_owned())],
            "test_prompt_with_arguments" => {
                let [one, two] = [given("arg1")?, given("arg2")?];
                vec![text(format!("Prompt with arguments: arg1='{one}', arg2='{two}'"))]
            }
            "test_prompt_with_embedded_resource" => {
                let resource =
                    ResourceContents::text("Embedded resource content for testing.", given("resourceUri")?);
                vec![
                    say(ContentBlock::resource(resource)),
                    text("Please process the embedded resource above.".to_owned()),
                ]
            }
            "test_prompt_with_image" => {
                vec![
                    say(ContentBlock::image(PNG, "image/png")),
                    text("Please analyze the image above.".to_owned()),
                ]
            }
            _ => return None,
        };
        Some(GetPromptResult::new(messages))
    }
}

/// The fixture, served on a thread of the test until it is dropped.
pub struct Served {
    pub address: String,
    pub token: String,
    until: CancellationToken,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Served {
    pub fn start(workspace: &Path) -> Served {
        let context = Context::read(Some(workspace)).unwrap();
        let token = Token::fresh();
        let (until, shown) = (CancellationToken::new(), token.reveal().to_owned());
        let (bound, address) = std::sync::mpsc::channel();
        let theirs = until.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                bound.send(listener.local_addr().unwrap().to_string()).unwrap();
                let shared = Arc::new(Shared::new(context, Fixture, Duration::from_secs(45)));
                serve(listener, token, shared, theirs).await;
            });
        });
        Served { address: address.recv().unwrap(), token: shown, until, thread: Some(thread) }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.until.cancel();
        // A fixture that panicked has been told of by its test.
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}
