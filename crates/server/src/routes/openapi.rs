//! What the API says of itself: the OpenAPI document, and a page of it for people.

use std::fmt::Write as _;
use std::sync::LazyLock;

use aide::OperationOutput;
use aide::generate::GenContext;
use aide::openapi::{MediaType, Operation, Response as Described, StatusCode};
use axum::Json;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use hyperion_identity::Need;
use serde_json::Value;

use crate::openapi::{calls, openapi};
use crate::table::{Reach, Routes};

/// What the page may load: its own style sheet, and nothing else from anywhere.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) fn routes() -> Routes {
    Routes::about("the API itself")
        .get(
            "/api/openapi.json",
            Need::Nothing,
            "Gives the OpenAPI document",
            document,
        )
        .get("/docs", Need::Nothing, "Shows every call on a page", page)
        .get(
            "/docs/style.css",
            Need::Nothing,
            "Gives the style of that page",
            style,
        )
}

async fn document() -> Json<Value> {
    Json(openapi().clone())
}

async fn page() -> Text {
    static PAGE: LazyLock<String> = LazyLock::new(html);
    Text("text/html; charset=utf-8", &PAGE)
}

async fn style() -> Text {
    Text("text/css; charset=utf-8", include_str!("openapi/style.css"))
}

/// A text of a kind, for browsers.
struct Text(&'static str, &'static str);

impl IntoResponse for Text {
    fn into_response(self) -> Response {
        let headers = [
            (header::CONTENT_TYPE, self.0),
            (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
        ];
        (headers, self.1).into_response()
    }
}

impl OperationOutput for Text {
    type Inner = Self;

    fn inferred_responses(
        _: &mut GenContext,
        _: &mut Operation,
    ) -> Vec<(Option<StatusCode>, Described)> {
        let kinds = ["text/html", "text/css"];
        let content = kinds.map(|kind| (kind.to_owned(), MediaType::default()));
        let described = Described {
            description: "A text for browsers".to_owned(),
            content: content.into_iter().collect(),
            ..Described::default()
        };
        vec![(Some(StatusCode::Code(200)), described)]
    }
}

fn html() -> String {
    let mut page = String::from(concat!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n",
        "<meta name=\"viewport\" content=\"width=device-width\">\n<title>Hyperion: HTTP API</title>\n",
        "<link rel=\"stylesheet\" href=\"/docs/style.css\">\n<h1>Hyperion: HTTP API</h1>\n",
        "<p>Calls send <code>Authorization: Bearer</code> with a token of <code>hyperion token create</code>; on the home's socket its owner needs none. ",
        "Errors are problem documents (RFC 9457) with a <code>code</code>. ",
        "Everything in detail, for programs: <a href=\"/api/openapi.json\">openapi.json</a>.</p>\n"
    ));
    let mut noun = "";
    for call in calls() {
        if call.noun != noun {
            if !noun.is_empty() {
                page.push_str("</table>\n");
            }
            noun = call.noun;
            let _ = write!(
                page,
                "<h2>{}</h2>\n<table>\n<tr><th>call<th>what it does<th>for<th>parameters\n",
                escaped(noun)
            );
        }
        let method = call.method.as_str();
        let pointer = &openapi()["paths"][call.path][method.to_ascii_lowercase().as_str()];
        let mut parameters = pointer["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|parameter| parameter["in"] == "query")
            .filter_map(|parameter| parameter["name"].as_str())
            .map(|name| format!("<code>{}</code>", escaped(name)))
            .collect::<Vec<_>>();
        if pointer["requestBody"].is_object() {
            parameters.push("a body".to_owned());
        }
        let place = match call.reach {
            Reach::Anywhere => "",
            Reach::Socket => ", on the socket",
        };
        let _ = writeln!(
            page,
            "<tr><td><code><b>{method}</b> {}</code><td>{}<td>{}{place}<td>{}",
            escaped(call.path),
            escaped(call.summary),
            escaped(&call.need.to_string()),
            parameters.join(", "),
        );
    }
    page.push_str("</table>\n</html>\n");
    page
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_loads_nothing_but_its_style_and_names_every_call() {
        let page = html();
        assert!(!page.contains("<script") && !page.contains("http:") && !page.contains("https:"));
        for call in calls() {
            assert!(page.contains(&escaped(call.path)), "{}", call.path);
        }
    }
}
