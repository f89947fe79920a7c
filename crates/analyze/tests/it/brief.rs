//! The engineer role without a model (R2).

use hyperion_analyze::brief;

// R2: scope, non-goals, acceptance and open questions, in the person's own words.
#[test]
fn a_request_in_prose_is_put_in_order() {
    let brief = brief(
        "Cap the retry delay",
        "Retries grow without bound, e.g. after an hour. The delay must never exceed 30 s. Do not change the public API. \
         Should jitter count towards the cap?\n\n```\nlog line. Must not be read\n```",
        &["cargo test passes".to_owned()],
    );
    insta::assert_snapshot!(serde_json::to_string_pretty(&brief).unwrap(), @r#"
    {
      "scope": [
        "Cap the retry delay",
        "Retries grow without bound, e.g. after an hour"
      ],
      "non_goals": [
        "Do not change the public API"
      ],
      "acceptance": [
        "cargo test passes",
        "The delay must never exceed 30 s"
      ],
      "open_questions": [
        "Should jitter count towards the cap?"
      ]
    }
    "#);
}

#[test]
fn headings_say_where_things_belong() {
    let brief = brief(
        "Dark mode",
        "# Scope\n- a toggle on the settings page\n- [ ] the choice is remembered\n\n## Non-goals\n* a theme editor\n\nAcceptance: `npm test` passes\n- works in a phone-sized window\n\n## Background\nUsers asked for it.\nOut of scope: printing",
        &[],
    );
    insta::assert_snapshot!(serde_json::to_string_pretty(&brief).unwrap(), @r#"
    {
      "scope": [
        "Dark mode",
        "a toggle on the settings page",
        "the choice is remembered",
        "Users asked for it"
      ],
      "non_goals": [
        "a theme editor",
        "printing"
      ],
      "acceptance": [
        "`npm test` passes",
        "works in a phone-sized window"
      ],
      "open_questions": []
    }
    "#);
}

#[test]
fn nothing_is_invented_for_a_vague_request() {
    let brief = brief("fix it", "", &[]);
    insta::assert_snapshot!(serde_json::to_string_pretty(&brief).unwrap(), @r#"
    {
      "scope": [
        "fix it"
      ],
      "non_goals": [],
      "acceptance": [],
      "open_questions": [
        "What goes wrong, and what should happen instead?",
        "Is there an error message, or a way to see it happen?",
        "Where is it: which file, command or page?",
        "How can one tell that it is done?"
      ]
    }
    "#);
}
