//! `hyperion login` and `hyperion logout`

use hyperion_api::Client;
use hyperion_api::user::{CreateToken, Me, SignIn, SignedIn};

use crate::context::Cx;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::login;
use crate::remote::Remote;
use crate::secret;
use crate::view;

/// Work with an engine elsewhere from now on, as whoever signs in there
///
/// Asks for a name and a password, and keeps a token for it in a file that nobody else may read; with --token-stdin it keeps the token that it is
/// given. HYPERION_URL and HYPERION_TOKEN come before it. `hyperion logout` ends it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion login https://hyperion.example.org
  hyperion login https://hyperion.example.org --token-stdin < token.txt")]
pub(crate) struct LoginArgs {
    /// Where the engine is
    #[arg(value_name = "URL")]
    url: String,
    /// The user; asked for when absent
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Read the password from standard input: its first line
    #[arg(long, requires = "user")]
    password_stdin: bool,
    /// Read a token from standard input instead: its first line
    #[arg(long, conflicts_with_all = ["user", "password_stdin"])]
    token_stdin: bool,
}

/// Work with this machine's own home again, and take the login's token back
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  hyperion logout")]
pub(crate) struct LogoutArgs {}

pub(crate) async fn login(args: LoginArgs, cx: &Cx) -> anyhow::Result<Exit> {
    let anybody = Remote::new(&args.url, None)?;
    let (token, id) = match args.token_stdin {
        true => (secret::read(cx, true, "", "").await?, None),
        false => {
            let name = match args.user {
                Some(name) => name,
                None => cx
                    .output
                    .ask("Name: ")
                    .await
                    .filter(|name| !name.is_empty())
                    .ok_or_else(|| {
                        Failure::usage("no name was given").hint("give it with --user")
                    })?,
            };
            let password =
                secret::read(cx, args.password_stdin, "Password: ", "--password-stdin").await?;
            let (token, id) = sign_in(&anybody.client()?, name, password).await?;
            (token, Some(id))
        }
    };
    let client = Remote::new(&args.url, Some(&token))?.client()?;
    // Nothing is kept that does not work.
    let me: Me = client.get("/api/me").await?;
    login::keep(
        &cx.locations()?.home,
        &login::Login {
            url: anybody.url().to_owned(),
            token,
            token_id: id,
        },
    )?;
    cx.output.say(&format!(
        "This machine's commands are for {} from now on.",
        anybody.url()
    ));
    cx.output.data(&view::user::me(&me));
    Ok(Exit::Done)
}

async fn sign_in(
    client: &Client,
    name: String,
    password: String,
) -> anyhow::Result<(String, String)> {
    let scopes = ["read", "file", "decide", "admin"];
    let token = CreateToken {
        label: "hyperion login".to_owned(),
        scopes: scopes.map(str::to_owned).to_vec(),
        ..CreateToken::default()
    };
    let body = SignIn {
        name,
        password,
        token: Some(token),
    };
    let signed: SignedIn = client.post("/api/sign-in", &body).await?;
    let issued = signed
        .token
        .ok_or_else(|| Failure::new(Exit::Failed, "the engine signed you in and gave no token"))?;
    Ok((issued.token, issued.about.id))
}

pub(crate) async fn logout(_: LogoutArgs, cx: &Cx) -> anyhow::Result<Exit> {
    let home = cx.locations()?.home;
    let Some(kept) = login::kept(&home)? else {
        cx.output.say("You are not signed in anywhere.");
        return Ok(Exit::Done);
    };
    login::forget(&home)?;
    let mut taken_back = false;
    if let Some(id) = &kept.token_id {
        let client = Remote::new(&kept.url, Some(&kept.token))?.client()?;
        let path = format!("/api/tokens/{id}/revoke");
        let revoked = client
            .post::<serde_json::Value>(&path, &serde_json::json!({}))
            .await;
        taken_back = revoked.is_ok();
    }
    cx.output.say(&format!("Signed out of {}.", kept.url));
    if !taken_back {
        cx.output.say(&view::hint(
            "its token was not taken back: `hyperion token revoke` does that on the engine's machine",
        ));
    }
    Ok(Exit::Done)
}
