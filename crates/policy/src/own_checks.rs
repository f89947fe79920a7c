//! Judges the checks that a change brings along: they run as commands, as whoever runs the engine.

use hyperion_model::{Decision, Level};

use crate::assess::{Assessment, asks};
use crate::blocker::{Blocker, BlockerCode};
use crate::command::judge_argv;
use crate::place::Place;
use crate::rules::Rules;

/// The folder that a check is judged to run in; it may touch nothing outside of it.
const LANE: &str = "/lane";

impl Assessment {
    /// Judges the checks that a change adds to those of its branch: one that nobody may run refuses it, and one that
    /// asks raises its level and is a reason.
    #[must_use]
    pub fn with_own_checks<'c>(
        mut self,
        checks: impl IntoIterator<Item = &'c str>,
        rules: &Rules,
    ) -> Self {
        let Ok(place) = Place::at(LANE, None) else {
            return self.at_least(Level::ManualOnly, "its own checks cannot be judged");
        };
        for check in checks {
            // As it is run: not every shell reads a text as bash does.
            let argv = ["/bin/sh", "-c", check].map(str::to_owned);
            let judged = judge_argv(&argv, rules, &place);
            let why = judged.reasons.first().map(|reason| reason.detail.as_str());
            let says = format!("its own check `{check}`: {}", why.unwrap_or("runs"));
            match judged.decision {
                Decision::Allow => {}
                Decision::Ask(level) if level > self.level => self = self.at_least(level, &says),
                Decision::Ask(level) => self.reasons.push(format!("{says}: {}", asks(level))),
                Decision::Deny => {
                    self.decision = Decision::Deny;
                    self.reasons.insert(0, format!("refused: {says}"));
                    self.blockers.push(Blocker {
                        code: BlockerCode::CheckDenied,
                        path: None,
                        line: None,
                        detail: says,
                        remedy: "leave the check out, or write it without what is refused"
                            .to_owned(),
                    });
                }
            }
        }
        self
    }
}
