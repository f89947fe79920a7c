//! Who did something, and what their role lets them decide.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Level, Name};

/// What a person may do in a home.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Looks on.
    Viewer,
    /// Files requests.
    Operator,
    /// Decides what asks for a team lead.
    TeamLead,
    /// Decides everything.
    Admin,
}

impl Role {
    /// Lists every role, the lowest first.
    pub const ALL: [Role; 4] = [Role::Viewer, Role::Operator, Role::TeamLead, Role::Admin];

    /// Tells whether a person of this role may decide a question of this level.
    pub const fn may_decide(self, level: Level) -> bool {
        match (self, level) {
            (Role::Admin, _) => true,
            (Role::TeamLead, Level::Auto | Level::TeamLead) => true,
            (Role::TeamLead, Level::Admin | Level::ManualOnly) => false,
            (Role::Viewer | Role::Operator, _) => false,
        }
    }

    /// Gives the wire name.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::TeamLead => "team-lead",
            Role::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Who issued a command.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Actor {
    /// A person of this home.
    Person {
        /// Their name.
        id: Name,
        /// Their role when they acted; kept, because roles change.
        role: Role,
    },
    /// An agent, inside a run or by the tools it was given.
    Agent {
        /// The agent's configured name; of one with tools, the name that its program says of itself.
        id: Name,
    },
    /// Policy or a reconciler, acting on committed facts.
    Engine {
        /// The part that acted, for instance `queue`.
        id: Name,
    },
}

impl Actor {
    /// Gives the name of whoever acted.
    pub const fn id(&self) -> &Name {
        match self {
            Actor::Person { id, .. } | Actor::Agent { id } | Actor::Engine { id } => id,
        }
    }

    /// Tells whether this actor may decide a question of this level: only people may.
    pub const fn may_decide(&self, level: Level) -> bool {
        match self {
            Actor::Person { role, .. } => role.may_decide(level),
            Actor::Agent { .. } | Actor::Engine { .. } => false,
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Actor::Person { id, .. } => write!(f, "{id}"),
            Actor::Agent { id } => write!(f, "agent {id}"),
            Actor::Engine { id } => write!(f, "hyperion ({id})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // S4: who may decide follows from the role; an agent never may.
    #[test]
    fn roles_decide_up_to_their_level() {
        let table: Vec<String> = [Role::Viewer, Role::Operator, Role::TeamLead, Role::Admin]
            .into_iter()
            .map(|role| {
                let may: Vec<_> = Level::ALL
                    .into_iter()
                    .filter(|l| role.may_decide(*l))
                    .map(Level::name)
                    .collect();
                format!("{role}: {}", may.join(" "))
            })
            .collect();
        assert_eq!(
            table,
            [
                "viewer: ",
                "operator: ",
                "team-lead: auto team-lead",
                "admin: auto team-lead admin manual-only"
            ]
        );
        let agent = Actor::Agent {
            id: Name::new("scripted").unwrap(),
        };
        assert!(Level::ALL.into_iter().all(|level| !agent.may_decide(level)));
    }
}
