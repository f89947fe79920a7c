//! Whose paths a change touches, by `[owners]` of the branch that it would land on.

use std::collections::BTreeSet;

use hyperion_model::Name;
use hyperion_model::approval::Owners;
use hyperion_policy::Rules;

use super::MadeItem;

/// Finds the people who own everything owned that a change touches; nothing where it touches nothing owned.
pub(super) fn owners(rules: &Rules, items: &[MadeItem]) -> Option<Owners> {
    let paths = items
        .iter()
        .flat_map(|item| [Some(&item.path), item.from_path.as_ref()])
        .flatten();
    let (mut names, mut all_owned) = (None::<BTreeSet<Name>>, true);
    for path in paths {
        let owners = rules.owners_of(path.as_str());
        if owners.is_empty() {
            all_owned = false;
            continue;
        }
        // What is no user's name is nobody's; an admin may decide all the same.
        let owners = owners.iter().map(|name| name.trim_start_matches('@'));
        let owners: BTreeSet<_> = owners.filter_map(|name| Name::new(name).ok()).collect();
        names = Some(match names {
            None => owners,
            Some(names) => names.intersection(&owners).cloned().collect(),
        });
    }
    names.map(|names| Owners { names, all_owned })
}
