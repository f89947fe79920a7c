//! What this machine's kernel offers to hold processes with.

use std::path::Path;

use hyperion_api::doctor::{Finding, Health};
use hyperion_sandbox::{Had, Level, layers, probe};

use super::finding;

/// Where it is said how to get more.
const FIX: &str = "docs/sandbox.md says how to get what is missing, under \"Getting more\"";

/// Tries every layer in a child; `program` is the one that shims are started with.
pub(super) fn look(program: &Path) -> Finding {
    match probe(program) {
        Ok(had) => tell(&had),
        Err(error) => finding(
            "sandbox",
            Health::Warning,
            format!("what the kernel offers could not be tried: {error}"),
            Some("run `hyperion shim --probe` by hand, and see what it says".to_owned()),
        ),
    }
}

fn tell(had: &Had) -> Finding {
    let mut held = Vec::new();
    let mut missing = Vec::new();
    for (layer, offered) in layers(had) {
        match offered {
            Ok(()) => held.push(layer.words().to_owned()),
            Err(why) => missing.push(format!("{}: {why}", layer.words())),
        }
    }
    let level = match had.level {
        Level::Full => "full: processes see what they are given, and nothing else exists",
        Level::Partial => {
            "partial: files of others are refused, but their sockets and processes are in reach"
        }
        Level::Off => "off: processes see and reach what you do",
    };
    let mut detail = format!("{level} ({})", held.join(", "));
    if missing.is_empty() {
        return finding("sandbox", Health::Ok, detail, None);
    }
    detail.push_str(&format!("; missing are {}", missing.join("; ")));
    finding("sandbox", Health::Warning, detail, Some(FIX.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperion_sandbox::{Lack, Layer};

    #[test]
    fn what_is_missing_is_said_with_why() {
        let mut had = Had {
            level: Level::Full,
            layers: vec![Layer::UserNamespace, Layer::Landlock],
            ..Had::default()
        };
        let found = tell(&had);
        assert_eq!((found.health, found.fix), (Health::Ok, None));
        had.level = Level::Partial;
        let why = "the kernel refused it".to_owned();
        let layer = Layer::PidNamespace;
        had.lacks.push(Lack { layer, why });
        let found = tell(&had);
        assert_eq!(found.health, Health::Warning);
        assert_eq!(
            found.detail,
            "partial: files of others are refused, but their sockets and processes are in reach \
             (a user namespace, Landlock); missing are processes of its own: the kernel refused it"
        );
    }
}
