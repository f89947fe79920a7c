//! The table of calls: each is declared once, with who may make it, and that gives its route, its check and its description.
//!
//! Architecture invariant: no call is served that is not declared here, and none can be declared without its [`Need`].

use aide::generate::GenContext;
use aide::openapi::{Operation, ReferenceOr};
use aide::operation::OperationHandler;
use aide::{OperationInput, OperationOutput};
use axum::Router;
use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use hyperion_api::Problem;
use hyperion_identity::Need;

use crate::Server;
use crate::answer::Refusal;
use crate::caller::Caller;

/// The calls about one noun.
pub(crate) struct Routes {
    noun: &'static str,
    router: Router<Server>,
    calls: Vec<Call>,
}

/// One call, as it is described.
pub(crate) struct Call {
    /// What it is about.
    pub(crate) noun: &'static str,
    /// How it is made.
    pub(crate) method: Method,
    /// Where, with `{names}` for what is filled in.
    pub(crate) path: &'static str,
    /// What whoever makes it has to be.
    pub(crate) need: Need,
    /// From where it is taken.
    pub(crate) reach: Reach,
    /// What it does, in a line.
    pub(crate) summary: &'static str,
    /// Describes what it takes and answers.
    pub(crate) describe: fn(&mut GenContext) -> Operation,
}

/// From where a call is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// From the home's socket and from the port.
    Anywhere,
    /// From the home's socket alone: it names folders or processes of this machine.
    Socket,
}

impl Routes {
    /// Begins a table of calls about a noun.
    pub(crate) fn about(noun: &'static str) -> Self {
        Self {
            noun,
            router: Router::new(),
            calls: Vec::new(),
        }
    }

    /// Declares a call that looks.
    pub(crate) fn get<H, I, O, T>(
        self,
        path: &'static str,
        need: Need,
        summary: &'static str,
        handler: H,
    ) -> Self
    where
        H: Handler<T, Server> + OperationHandler<I, O>,
        I: OperationInput,
        O: OperationOutput,
        T: 'static,
    {
        let reach = Reach::Anywhere;
        self.declare(Method::GET, path, (need, reach), summary, handler)
    }

    /// Declares a call that does something.
    pub(crate) fn post<H, I, O, T>(
        self,
        path: &'static str,
        need: Need,
        summary: &'static str,
        handler: H,
    ) -> Self
    where
        H: Handler<T, Server> + OperationHandler<I, O>,
        I: OperationInput,
        O: OperationOutput,
        T: 'static,
    {
        let reach = Reach::Anywhere;
        self.declare(Method::POST, path, (need, reach), summary, handler)
    }

    /// Declares a call that does something, and that is taken on the home's socket alone.
    pub(crate) fn post_here<H, I, O, T>(
        self,
        path: &'static str,
        need: Need,
        summary: &'static str,
        handler: H,
    ) -> Self
    where
        H: Handler<T, Server> + OperationHandler<I, O>,
        I: OperationInput,
        O: OperationOutput,
        T: 'static,
    {
        let reach = Reach::Socket;
        self.declare(Method::POST, path, (need, reach), summary, handler)
    }

    /// Declares a call that changes a part.
    pub(crate) fn patch<H, I, O, T>(
        self,
        path: &'static str,
        need: Need,
        summary: &'static str,
        handler: H,
    ) -> Self
    where
        H: Handler<T, Server> + OperationHandler<I, O>,
        I: OperationInput,
        O: OperationOutput,
        T: 'static,
    {
        let reach = Reach::Anywhere;
        self.declare(Method::PATCH, path, (need, reach), summary, handler)
    }

    fn declare<H, I, O, T>(
        mut self,
        method: Method,
        path: &'static str,
        (need, reach): (Need, Reach),
        summary: &'static str,
        handler: H,
    ) -> Self
    where
        H: Handler<T, Server> + OperationHandler<I, O>,
        I: OperationInput,
        O: OperationOutput,
        T: 'static,
    {
        let filter = match method {
            Method::POST => MethodFilter::POST,
            Method::PATCH => MethodFilter::PATCH,
            _ => MethodFilter::GET,
        };
        let guarded = on(filter, handler).route_layer(from_fn_with_state((need, reach), admit));
        self.router = self.router.route(path, guarded);
        self.calls.push(Call {
            noun: self.noun,
            method,
            path,
            need,
            reach,
            summary,
            describe: describe::<I, O>,
        });
        self
    }

    /// Gives what is served.
    pub(crate) fn into_router(self) -> Router<Server> {
        self.router
    }

    /// Gives what is described.
    pub(crate) fn into_calls(self) -> Vec<Call> {
        self.calls
    }
}

fn describe<I: OperationInput, O: OperationOutput>(cx: &mut GenContext) -> Operation {
    let mut operation = Operation::default();
    I::operation_input(cx, &mut operation);
    let answers = O::inferred_responses(cx, &mut operation);
    let described = operation.responses.get_or_insert_default();
    for (status, answer) in answers {
        if let Some(status) = status {
            described
                .responses
                .insert(status, ReferenceOr::Item(answer));
        }
    }
    operation
}

/// Lets a call through whose caller may make it.
async fn admit(
    State((need, reach)): State<(Need, Reach)>,
    caller: Result<Caller, Refusal>,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    if need != Need::Nothing {
        let caller = caller?;
        caller.may(need)?;
        if reach == Reach::Socket && !caller.is_on_the_machine() {
            let detail = format!(
                "{} {} is taken on the home's socket alone: it is about folders and processes of the engine's machine",
                request.method(),
                request.uri().path()
            );
            let hint = "make the call on the machine that the engine runs on";
            return Err(Problem::new("policy.refused", detail).hint(hint).into());
        }
    }
    Ok(next.run(request).await)
}
