//! Checks that were tried in their sandbox.

use hyperion_api::repo::{Repo, TriedCheck};

use crate::output::style::{self, paint};
use crate::output::visible::visible;

/// Writes what came of each, and what would help those that failed.
pub(crate) fn block(repo: &Repo, tried: &[TriedCheck]) -> String {
    let mut text = String::new();
    for check in tried {
        let mark = match check.result.as_str() {
            "passed" => paint(style::GOOD, "✓"),
            "failed" => paint(style::BAD, "✗"),
            _ => paint(style::FAINT, "-"),
        };
        text.push_str(&format!(
            "  {mark} {} {}\n",
            visible(&check.name),
            visible(&came(check))
        ));
        for need in &check.needs {
            text.push_str(&format!("      {}\n", visible(need)));
        }
        if check.result == "failed" && check.needs.is_empty() {
            let last = check
                .output
                .lines()
                .rev()
                .find(|line| !line.trim().is_empty());
            text.push_str(&format!(
                "      it printed at last: {}\n",
                visible(last.unwrap_or("nothing"))
            ));
        }
        for lack in &check.lacks {
            text.push_str(&format!(
                "      its sandbox lacked something: {}\n",
                visible(lack)
            ));
        }
    }
    let asking = tried
        .iter()
        .find_map(|check| Some((&check.name, check.asks.as_ref()?)));
    if let Some((name, asks)) = asking {
        let known = repo
            .checks
            .iter()
            .flatten()
            .find(|check| check.name == *name);
        let command = known.map_or("...", |check| check.command.as_str());
        let command = serde_json::to_string(command).unwrap_or_default();
        text.push_str("\nWhat a check needs it asks for in hyperion.toml; to what is more than checks have here an admin agrees:\n");
        let lines = [
            format!("{name} = {{ run = {command}, {asks} }}"),
            format!("hyperion repo allow-check {} {name}", repo.name),
        ];
        for line in lines {
            text.push_str(&format!("  {}\n", visible(&line)));
        }
    }
    text
}

fn came(check: &TriedCheck) -> String {
    let seconds = check.duration_ms.div_ceil(1000);
    let why = check.why.as_deref().unwrap_or_default();
    match (check.result.as_str(), check.exit_code) {
        ("passed", _) => format!("passed in {seconds} s"),
        ("failed", Some(code)) => format!("failed with {code}{}", after(why)),
        ("failed", None) => format!("failed{}", after(why)),
        ("unfinished", _) => format!(
            "was not tried to its end: it was ended after {seconds} s{}",
            after(why)
        ),
        _ => format!("was not tried{}", after(why)),
    }
}

fn after(why: &str) -> String {
    match why {
        "" => String::new(),
        why => format!(": {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_check_needs_is_told_with_where_to_write_it() {
        let check = |name: &str, result: &str, needs: &[&str]| TriedCheck {
            name: name.to_owned(),
            result: result.to_owned(),
            exit_code: (result == "failed").then_some(1),
            why: None,
            needs: needs.iter().map(|need| (*need).to_owned()).collect(),
            asks: (!needs.is_empty()).then(|| "network = \"on\"".to_owned()),
            lacks: Vec::new(),
            output: "assertion failed\n".to_owned(),
            duration_ms: 2300,
        };
        let tried = [
            check("fine", "passed", &[]),
            check("net", "failed", &["it reached for the network"]),
            check("own", "failed", &[]),
            check("slow", "unfinished", &[]),
        ];
        let repo: Repo = serde_json::from_value(serde_json::json!({
            "id": "1", "name": "web", "path": "/web", "branch": "main", "status": "active", "registered_at": "",
            "checks": [{"name": "net", "command": "npm test"}],
        }))
        .unwrap();
        insta::assert_snapshot!(anstream::adapter::strip_str(&block(&repo, &tried)).to_string(), @r#"
          ✓ fine passed in 3 s
          ✗ net failed with 1
              it reached for the network
          ✗ own failed with 1
              it printed at last: assertion failed
          - slow was not tried to its end: it was ended after 3 s

        What a check needs it asks for in hyperion.toml; to what is more than checks have here an admin agrees:
          net = { run = "npm test", network = "on" }
          hyperion repo allow-check web net
        "#);
    }
}
