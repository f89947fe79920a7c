//! What a call takes, and what its caller has.

use std::collections::BTreeSet;
use std::fmt;

use hyperion_model::token::Scope;
use hyperion_model::{Role, RunId};

/// What a call takes of whoever makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Need {
    /// Nothing: not even to be known.
    Nothing,
    /// A role, or a higher one.
    Role(Role),
    /// Deciding a question: who may decide which is looked up with the question, for an owner may what a role does not give.
    Decision,
}

impl Need {
    /// Looking on.
    pub const VIEWER: Self = Self::Role(Role::Viewer);
    /// Filing, answering, cancelling, steering.
    pub const OPERATOR: Self = Self::Role(Role::Operator);
    /// Deciding what a team lead decides.
    pub const TEAM_LEAD: Self = Self::Role(Role::TeamLead);
    /// Everything else.
    pub const ADMIN: Self = Self::Role(Role::Admin);

    /// Gives the lowest role that has it.
    pub const fn role(self) -> Option<Role> {
        match self {
            Self::Nothing => None,
            Self::Role(role) => Some(role),
            Self::Decision => Some(Role::Operator),
        }
    }

    /// Gives the scope that a token has to carry for it.
    pub const fn scope(self) -> Option<Scope> {
        match self {
            Self::Nothing => None,
            Self::Role(Role::Viewer) => Some(Scope::Read),
            Self::Role(Role::Operator) => Some(Scope::File),
            Self::Role(Role::TeamLead) | Self::Decision => Some(Scope::Decide),
            Self::Role(Role::Admin) => Some(Scope::Admin),
        }
    }

    /// Gives the word for it in lists.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nobody in particular",
            Self::Role(role) => role.name(),
            Self::Decision => "whoever may decide it",
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What somebody may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    /// The role at the time of the call, lowered to what the scopes leave of it.
    pub role: Role,
    /// Which parts of that.
    pub scopes: BTreeSet<Scope>,
    /// The run that the call comes from, if it does: such a call decides nothing.
    pub run: Option<RunId>,
}

/// What somebody lacks for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Lacks {
    /// A higher role.
    #[error("this takes the role {needs}, and the caller is {has}")]
    Role {
        /// What it takes.
        needs: Role,
        /// What they are.
        has: Role,
    },
    /// A scope of their token.
    #[error("this takes a token with the scope {needs}")]
    Scope {
        /// Which.
        needs: Scope,
    },
    /// A person: the call comes from inside a run.
    #[error("this takes a person, and the call comes from inside a run")]
    Person,
}

impl Lacks {
    /// Says what to do.
    pub fn hint(self) -> String {
        match self {
            Self::Role { needs, .. } => format!(
                "ask somebody with that role, or an admin to give it to you: `hyperion user role NAME {needs}`"
            ),
            Self::Scope { needs } => {
                format!("make a token that has it: `hyperion token create --scope {needs}`")
            }
            Self::Person => "run it from a shell of your own".to_owned(),
        }
    }
}

impl Rights {
    /// Everything that a role gives.
    pub fn of_role(role: Role) -> Self {
        Self::of_token(role, Scope::ALL)
    }

    /// What a token leaves of its user's role. Whoever may do everything may decide, too.
    pub fn of_token(role: Role, scopes: impl IntoIterator<Item = Scope>) -> Self {
        let mut scopes: BTreeSet<Scope> = scopes.into_iter().collect();
        if scopes.contains(&Scope::Admin) {
            scopes.insert(Scope::Decide);
        }
        let most = match scopes.last() {
            Some(Scope::Admin) => Role::Admin,
            Some(Scope::Decide) => Role::TeamLead,
            Some(Scope::File) => Role::Operator,
            Some(Scope::Read) | None => Role::Viewer,
        };
        Self {
            role: role.min(most),
            scopes,
            run: None,
        }
    }

    /// What a call from inside a run may do: what the one who filed its request may, and at most look and file.
    pub fn of_run(run: RunId, filed_by: Role) -> Self {
        Self {
            run: Some(run),
            ..Self::of_token(filed_by, [Scope::Read, Scope::File])
        }
    }

    /// Tells whether they may make a call that takes this, or what they lack.
    pub fn allows(&self, need: Need) -> Result<(), Lacks> {
        let (Some(role), Some(scope)) = (need.role(), need.scope()) else {
            return Ok(());
        };
        if self.run.is_some() && scope > Scope::File {
            return Err(Lacks::Person);
        }
        if !self.scopes.contains(&scope) {
            return Err(Lacks::Scope { needs: scope });
        }
        match self.role >= role {
            true => Ok(()),
            false => Err(Lacks::Role {
                needs: role,
                has: self.role,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDS: [Need; 6] = [
        Need::Nothing,
        Need::VIEWER,
        Need::OPERATOR,
        Need::Decision,
        Need::TEAM_LEAD,
        Need::ADMIN,
    ];

    fn allowed(rights: &Rights) -> String {
        let allowed = NEEDS.iter().filter(|need| rights.allows(**need).is_ok());
        let names: Vec<_> = allowed.skip(1).map(|need| need.name()).collect();
        names.join(", ")
    }

    // X8: what each role may, what a token leaves of it, and that a run gains nothing.
    #[test]
    fn rights_are_those_of_the_role_cut_by_the_scopes() {
        let roles = [Role::Viewer, Role::Operator, Role::TeamLead, Role::Admin];
        let table: Vec<_> = roles
            .map(|role| format!("{role}: {}", allowed(&Rights::of_role(role))))
            .to_vec();
        insta::assert_snapshot!(table.join("\n"), @r"
        viewer: viewer
        operator: viewer, operator, whoever may decide it
        team-lead: viewer, operator, whoever may decide it, team-lead
        admin: viewer, operator, whoever may decide it, team-lead, admin
        ");
        let cut = |role, scopes: &[Scope]| {
            let rights = Rights::of_token(role, scopes.iter().copied());
            format!("{}: {}", rights.role, allowed(&rights))
        };
        assert_eq!(cut(Role::Admin, &[Scope::Read]), "viewer: viewer");
        assert_eq!(
            cut(Role::Admin, &[Scope::Read, Scope::File]),
            "operator: viewer, operator"
        );
        assert_eq!(
            cut(Role::Admin, &[Scope::Decide]),
            "team-lead: whoever may decide it, team-lead"
        );
        assert_eq!(
            cut(Role::Admin, &[Scope::Admin]),
            "admin: whoever may decide it, team-lead, admin"
        );
        assert_eq!(cut(Role::Viewer, &Scope::ALL), "viewer: viewer");
        assert_eq!(cut(Role::Admin, &[]), "viewer: ");
        let run = Rights::of_run(RunId::new(hyperion_model::Uuid::nil()), Role::Admin);
        assert_eq!(allowed(&run), "viewer, operator");
        assert_eq!(run.allows(Need::ADMIN), Err(Lacks::Person));
    }
}
