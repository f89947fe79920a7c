//! A crate uses only crates on floors below it, and only those the house lists.

use super::{Finding, Tree};
use crate::process::{capture, cargo};
use serde_json::Value;
use std::path::Path;

/// A crate's place in the house.
struct Room {
    name: &'static str,
    floor: u8,
    /// What it uses, dev-dependencies included, `TESTKIT` aside.
    uses: &'static [&'static str],
}

/// Anybody may use it in tests, and nobody otherwise.
const TESTKIT: &str = "hyperion-testkit";

/// Every edge there is: a new one is a line here, where a reviewer sees it.
const HOUSE: &[Room] = &[
    Room {
        name: "hyperion",
        floor: 8,
        uses: &[
            "hyperion-client",
            "hyperion-model",
            "hyperion-api",
            "hyperion-client",
            "hyperion-backup",
            "hyperion-store",
            "hyperion-policy",
            "hyperion-patch",
            "hyperion-fault",
            "hyperion-host",
            "hyperion-git",
            "hyperion-engine",
            "hyperion-server",
            "hyperion-mcp",
            "hyperion-sandbox",
            "hyperion-shim",
        ],
    },
    Room {
        name: "hyperion-mcp",
        floor: 7,
        uses: &["hyperion-api"],
    },
    Room {
        name: "hyperion-server",
        floor: 6,
        uses: &[
            "hyperion-model",
            "hyperion-api",
            "hyperion-policy",
            "hyperion-patch",
            "hyperion-store",
            "hyperion-host",
            "hyperion-engine",
            "hyperion-identity",
        ],
    },
    Room {
        name: "hyperion-engine",
        floor: 5,
        uses: &[
            "hyperion-model",
            "hyperion-api",
            "hyperion-policy",
            "hyperion-patch",
            "hyperion-analyze",
            "hyperion-backup",
            "hyperion-store",
            "hyperion-egress",
            "hyperion-host",
            "hyperion-identity",
            "hyperion-intake",
            "hyperion-notify",
            "hyperion-fault",
            "hyperion-git",
            "hyperion-agent",
            "hyperion-tools",
            "hyperion-watch",
            "hyperion-sandbox",
            "hyperion-shim",
        ],
    },
    Room {
        name: "hyperion-backup",
        floor: 4,
        uses: &[
            "hyperion-model",
            "hyperion-api",
            "hyperion-store",
            "hyperion-host",
            "hyperion-fault",
            "hyperion-git",
        ],
    },
    Room {
        name: "hyperion-shim",
        floor: 4,
        uses: &[
            "hyperion-client",
            "hyperion-fault",
            "hyperion-host",
            "hyperion-sandbox",
        ],
    },
    Room {
        name: "hyperion-sandbox",
        floor: 3,
        uses: &["hyperion-host"],
    },
    Room {
        name: "hyperion-client",
        floor: 0,
        uses: &[],
    },
    Room {
        name: "hyperion-tools",
        floor: 4,
        uses: &["hyperion-analyze", "hyperion-api", "hyperion-host"],
    },
    Room {
        name: "hyperion-agent",
        floor: 3,
        uses: &["hyperion-api"],
    },
    Room {
        name: "hyperion-git",
        floor: 3,
        uses: &["hyperion-fault", "hyperion-host"],
    },
    Room {
        name: "hyperion-store",
        floor: 2,
        uses: &["hyperion-fault", "hyperion-model", "hyperion-policy"],
    },
    Room {
        name: "hyperion-identity",
        floor: 1,
        uses: &["hyperion-model"],
    },
    Room {
        name: "hyperion-notify",
        floor: 3,
        uses: &["hyperion-host"],
    },
    Room {
        name: "hyperion-egress",
        floor: 2,
        uses: &[],
    },
    Room {
        name: "hyperion-intake",
        floor: 2,
        uses: &[
            "hyperion-analyze",
            "hyperion-api",
            "hyperion-model",
            "hyperion-patch",
            "hyperion-policy",
        ],
    },
    Room {
        name: "hyperion-host",
        floor: 2,
        uses: &["hyperion-fault"],
    },
    Room {
        name: "hyperion-watch",
        floor: 2,
        uses: &[],
    },
    Room {
        name: "hyperion-api",
        floor: 1,
        uses: &[],
    },
    Room {
        name: "hyperion-policy",
        floor: 1,
        uses: &["hyperion-model"],
    },
    Room {
        name: "hyperion-patch",
        floor: 1,
        uses: &[],
    },
    Room {
        name: "hyperion-analyze",
        floor: 1,
        uses: &["hyperion-model"],
    },
    // It has no floor of its own: it knows the ground floor, and whoever tests stands on it.
    Room {
        name: TESTKIT,
        floor: 1,
        uses: &["hyperion-model"],
    },
    Room {
        name: "hyperion-fault",
        floor: 0,
        uses: &[],
    },
    Room {
        name: "hyperion-model",
        floor: 0,
        uses: &[],
    },
    Room {
        name: "xtask",
        floor: 2,
        uses: &[],
    },
];

/// Crates from outside that belong to one of ours.
const OWNED: &[(&str, &str)] = &[("rusqlite", "hyperion-store")];

/// The feature that no build has unless it is asked for.
const FOR_TESTS: &str = "fail-points";

const HERE: &str = "xtask/src/tidy/edges.rs";

/// A package of the workspace, as `cargo metadata` tells it.
pub(super) struct Package {
    name: String,
    manifest: String,
    uses: Vec<Use>,
    /// What is on when nobody asks for a feature.
    by_default: Vec<String>,
}

struct Use {
    name: String,
    is_ours: bool,
    is_dev: bool,
    features: Vec<String>,
}

/// Reads the workspace's packages.
pub(super) fn packages(root: &Path) -> Result<Vec<Package>, String> {
    let metadata = capture(cargo(root).args(["metadata", "--format-version", "1", "--no-deps"]))?;
    parse(&metadata, root).ok_or_else(|| "cargo metadata is not in the expected form".to_owned())
}

fn parse(metadata: &[u8], root: &Path) -> Option<Vec<Package>> {
    let metadata: Value = serde_json::from_slice(metadata).ok()?;
    let packages = metadata["packages"].as_array()?.iter();
    packages
        .map(|package| {
            let manifest = Path::new(package["manifest_path"].as_str()?);
            let manifest = manifest.strip_prefix(root).unwrap_or(manifest);
            let uses = package["dependencies"].as_array()?.iter();
            let by_default = &package["features"]["default"];
            Some(Package {
                by_default: names(by_default),
                name: package["name"].as_str()?.to_owned(),
                manifest: manifest.to_str()?.to_owned(),
                uses: uses
                    .map(|used| {
                        Some(Use {
                            name: used["name"].as_str()?.to_owned(),
                            is_ours: used["path"].is_string(),
                            is_dev: used["kind"].as_str() == Some("dev"),
                            features: names(&used["features"]),
                        })
                    })
                    .collect::<Option<_>>()?,
            })
        })
        .collect()
}

fn names(list: &Value) -> Vec<String> {
    let names = list.as_array().into_iter().flatten();
    names
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect()
}

pub(super) fn check(packages: &[Package], tree: &Tree) -> Vec<Finding> {
    check_in(HOUSE, packages, tree)
}

fn check_in(house: &[Room], packages: &[Package], tree: &Tree) -> Vec<Finding> {
    let mut findings = vec![];
    for package in packages {
        let at = |used: &str| {
            let text = tree.text(&package.manifest)?;
            let line = text.lines().position(|line| {
                line.strip_prefix(used)
                    .is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
            })?;
            Some(line + 1)
        };
        let Some(room) = room(house, &package.name) else {
            findings.push(Finding::new(
                &package.manifest,
                None,
                format!("`{}` has no floor", package.name),
                format!("give it one in HOUSE in {HERE}"),
            ));
            continue;
        };
        let turns_on = package.by_default.iter().chain(
            package
                .uses
                .iter()
                .filter(|used| !used.is_dev)
                .flat_map(|used| &used.features),
        );
        if turns_on.into_iter().any(|name| name.ends_with(FOR_TESTS)) {
            findings.push(Finding::new(
                &package.manifest,
                None,
                format!("`{}` turns `{FOR_TESTS}` on by itself", package.name),
                "leave it to `--features hyperion/fail-points`: what we ship cannot be killed from outside",
            ));
        }
        for used in &package.uses {
            if let Some((wrong, remedy)) = forbidden(house, room, used) {
                findings.push(Finding::new(
                    &package.manifest,
                    at(&used.name),
                    wrong,
                    remedy,
                ));
            }
        }
        for listed in room.uses {
            if !package.uses.iter().any(|used| used.name == *listed) {
                findings.push(Finding::new(
                    &package.manifest,
                    None,
                    format!("`{}` no longer uses `{listed}`", package.name),
                    format!("take the edge out of {HERE}"),
                ));
            }
        }
    }
    findings
}

fn forbidden(house: &[Room], room: &Room, used: &Use) -> Option<(String, String)> {
    let name = room.name;
    if let Some((outside, owner)) = OWNED.iter().find(|(outside, _)| *outside == used.name) {
        return (*owner != name).then(|| {
            let wrong = format!("`{name}` depends on `{outside}`, which belongs to `{owner}`");
            (wrong, format!("ask `{owner}` for what is needed"))
        });
    }
    if !used.is_ours {
        return None;
    }
    if used.name == TESTKIT {
        return (!used.is_dev).then(|| {
            let wrong = format!("`{name}` uses `{TESTKIT}` outside its tests");
            (wrong, "make it a dev-dependency".to_owned())
        });
    }
    let used = self::room(house, &used.name)?;
    if used.floor >= room.floor {
        let wrong = format!(
            "`{name}` (floor {}) uses `{}` (floor {})",
            room.floor, used.name, used.floor
        );
        return Some((wrong, "use only crates on floors below".to_owned()));
    }
    (!room.uses.contains(&used.name)).then(|| {
        let wrong = format!(
            "`{name}` uses `{}`, an edge the house does not list",
            used.name
        );
        (
            wrong,
            format!("do without it, or list it in {HERE} and say why in the commit"),
        )
    })
}

fn room<'a>(house: &'a [Room], name: &str) -> Option<&'a Room> {
    house.iter().find(|room| room.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL_HOUSE: &[Room] = &[
        Room {
            name: "hyperion-engine",
            floor: 5,
            uses: &["hyperion-model"],
        },
        Room {
            name: "hyperion-store",
            floor: 2,
            uses: &["hyperion-model", "hyperion-policy"],
        },
        Room {
            name: "hyperion-policy",
            floor: 1,
            uses: &["hyperion-model"],
        },
        Room {
            name: "hyperion-api",
            floor: 1,
            uses: &["hyperion-model"],
        },
        Room {
            name: "hyperion-model",
            floor: 0,
            uses: &[],
        },
    ];

    fn package(name: &str, uses: &[(&str, bool)]) -> Package {
        let uses = uses.iter().map(|(used, is_dev)| Use {
            name: (*used).to_owned(),
            is_ours: used.starts_with("hyperion"),
            is_dev: *is_dev,
            features: vec![],
        });
        Package {
            name: name.to_owned(),
            manifest: "crates/x/Cargo.toml".to_owned(),
            uses: uses.collect(),
            by_default: vec![],
        }
    }

    fn found(name: &str, uses: &[(&str, bool)]) -> Vec<String> {
        let manifest = "[dependencies]\nhyperion-engine.workspace = true\n";
        let tree = Tree::of_files(&[("crates/x/Cargo.toml", manifest)]);
        check_in(SMALL_HOUSE, &[package(name, uses)], &tree)
            .into_iter()
            .map(|finding| match finding.line {
                Some(line) => format!("{line}: {}", finding.wrong),
                None => finding.wrong,
            })
            .collect()
    }

    #[test]
    fn listed_edges_and_testkit_in_tests_are_fine() {
        let uses = [
            ("hyperion-model", false),
            ("hyperion-policy", true),
            ("hyperion-testkit", true),
            ("rusqlite", false),
            ("serde", false),
        ];
        assert!(found("hyperion-store", &uses).is_empty());
    }

    #[test]
    fn an_edge_upwards_is_found_in_tests_too() {
        assert_eq!(
            found(
                "hyperion-api",
                &[("hyperion-model", false), ("hyperion-engine", true)]
            ),
            ["2: `hyperion-api` (floor 1) uses `hyperion-engine` (floor 5)"]
        );
    }

    #[test]
    fn neighbours_on_one_floor_do_not_know_each_other() {
        assert_eq!(
            found(
                "hyperion-api",
                &[("hyperion-model", false), ("hyperion-policy", false)]
            ),
            ["`hyperion-api` (floor 1) uses `hyperion-policy` (floor 1)"]
        );
    }

    #[test]
    fn unlisted_and_left_over_edges_are_found() {
        assert_eq!(
            found("hyperion-engine", &[("hyperion-api", false)]),
            [
                "`hyperion-engine` uses `hyperion-api`, an edge the house does not list",
                "`hyperion-engine` no longer uses `hyperion-model`",
            ]
        );
    }

    #[test]
    fn strangers_borrowed_crates_and_testkit_in_products_are_found() {
        assert_eq!(found("hyperion-tui", &[]), ["`hyperion-tui` has no floor"]);
        let model = ("hyperion-model", false);
        assert_eq!(
            found("hyperion-engine", &[model, ("rusqlite", true)]),
            ["`hyperion-engine` depends on `rusqlite`, which belongs to `hyperion-store`"]
        );
        assert_eq!(
            found("hyperion-engine", &[model, ("hyperion-testkit", false)]),
            ["`hyperion-engine` uses `hyperion-testkit` outside its tests"]
        );
    }

    #[test]
    fn no_build_has_fail_points_unless_it_is_asked_for() {
        let tree = Tree::of_files(&[("crates/x/Cargo.toml", "")]);
        let found = |package: Package| check_in(SMALL_HOUSE, &[package], &tree);
        assert_eq!(found(package("hyperion-model", &[])), []);
        let mut by_default = package("hyperion-model", &[]);
        by_default.by_default = vec!["hyperion-fault/fail-points".to_owned()];
        let mut by_use = package("hyperion-model", &[("serde", false)]);
        by_use.uses[0].features = vec!["fail-points".to_owned()];
        for wrong in [by_default, by_use] {
            let found = found(wrong);
            assert_eq!(found.len(), 1);
            assert_eq!(
                found[0].wrong,
                "`hyperion-model` turns `fail-points` on by itself"
            );
        }
    }

    #[test]
    fn the_house_stands() {
        for room in HOUSE {
            for used in room.uses {
                let used = super::room(HOUSE, used).expect("a listed edge leads into the house");
                assert!(used.floor < room.floor, "{} uses {}", room.name, used.name);
            }
        }
    }

    #[test]
    fn metadata_is_read() {
        let metadata =
            br#"{"packages":[{"name":"hyperion-git","manifest_path":"/r/crates/git/Cargo.toml",
            "dependencies":[{"name":"hyperion-model","path":"/r/crates/model","kind":null},
                            {"name":"insta","kind":"dev"}]}]}"#;
        let packages = parse(metadata, Path::new("/r")).unwrap();
        assert_eq!(packages[0].manifest, "crates/git/Cargo.toml");
        let uses: Vec<_> = packages[0]
            .uses
            .iter()
            .map(|used| (used.name.as_str(), used.is_ours, used.is_dev))
            .collect();
        assert_eq!(
            uses,
            [("hyperion-model", true, false), ("insta", false, true)]
        );
        assert!(parse(b"{}", Path::new("/r")).is_none());
    }
}
