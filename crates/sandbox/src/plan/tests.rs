//! Plans over small drawn worlds.

use super::*;
use crate::spec::Cache;

/// `d PATH`, `f PATH` and `l PATH TO`, one a line.
struct World(BTreeMap<PathBuf, Kind>);

impl Look for World {
    fn kind(&self, path: &Path) -> Option<Kind> {
        self.0.get(path).cloned()
    }

    fn children(&self, _: &Path) -> Vec<PathBuf> {
        Vec::new()
    }

    fn private_below(&self, folder: &Path) -> Vec<PathBuf> {
        vec![folder.join("shadow")]
    }
}

fn world(more: &str) -> World {
    let system =
        "d /usr\nd /usr/bin\nl /bin usr/bin\nd /etc\nf /etc/shadow\nf /dev/null\nd /proc/sys\n";
    let entries = system.lines().chain(more.lines()).map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let kind = match words[0] {
            "d" => Kind::Folder,
            "f" => Kind::File,
            _ => Kind::Link(words[2].into()),
        };
        (PathBuf::from(words[1]), kind)
    });
    World(entries.collect())
}

const FACTS: Facts = Facts {
    is_root: false,
    own_network: true,
    terminal: None,
};

fn paths(paths: &[&str]) -> Vec<PathBuf> {
    paths.iter().map(PathBuf::from).collect()
}

/// The plan, without what every plan has, one mount a line.
fn drawn(wish: &Sandbox, facts: &Facts, more: &str) -> String {
    let plan = match plan(wish, facts, &world(more)) {
        Ok(plan) => plan,
        Err(error) => return error.0,
    };
    let common = plan_of_nothing();
    let lines = plan
        .iter()
        .filter(|mount| !common.contains(mount))
        .map(|mount| {
            let at = mount.at.display();
            match &mount.what {
                What::Bind { from, access } if *from == mount.at => format!("{access:?} {at}"),
                What::Bind { from, access } => format!("{access:?} {at} = {}", from.display()),
                What::Overlay {
                    upper: Some(upper), ..
                } => format!("Overlay {at} + {}", upper.display()),
                What::Overlay { .. } => format!("Overlay {at}"),
                What::Link { to } => format!("Link {at} -> {}", to.display()),
                other => format!("{other:?} {at}"),
            }
        });
    lines.collect::<Vec<_>>().join("\n")
}

fn plan_of_nothing() -> Vec<Mount> {
    plan(&Sandbox::default(), &FACTS, &world("")).unwrap()
}

#[test]
fn the_system_is_seen_through_its_links_and_by_root_without_its_secrets() {
    let plan = plan_of_nothing();
    let at = |path: &str| plan.iter().find(|mount| mount.at == Path::new(path));
    assert_eq!(at("/usr/bin"), None, "it is in /usr");
    assert_eq!(
        at("/bin").unwrap().what,
        What::Link {
            to: "usr/bin".into()
        }
    );
    assert_eq!(at("/tmp").unwrap().what, What::Memory);
    let moved = "l /var /data/var\nd /data\nd /data/var\nd /data/var/tmp";
    assert_eq!(
        drawn(&Sandbox::default(), &FACTS, moved),
        "Memory /data/var/tmp\nLink /var -> /data/var"
    );
    let root = Facts {
        is_root: true,
        ..FACTS
    };
    assert_eq!(
        drawn(&Sandbox::default(), &root, ""),
        "EmptyFile /etc/shadow\nFrozen /proc/sys"
    );
    let in_terminal = Facts {
        terminal: Some("/dev/pts/3".into()),
        ..FACTS
    };
    assert_eq!(
        drawn(&Sandbox::default(), &in_terminal, ""),
        "Write /dev/console = /dev/pts/3"
    );
    let networked = Facts {
        own_network: false,
        ..FACTS
    };
    let resolver =
        "l /etc/resolv.conf ../run/resolve/stub\nd /run\nd /run/resolve\nf /run/resolve/stub";
    assert_eq!(
        drawn(&Sandbox::default(), &networked, resolver),
        "Read /run/resolve/stub"
    );
    assert_eq!(drawn(&Sandbox::default(), &FACTS, resolver), "");
}

#[test]
fn folders_below_each_other_are_right_in_every_order() {
    let mut wish = Sandbox {
        read: paths(&["/srv", "/srv/out/kept", "/srv/absent"]),
        write: paths(&["/srv/out", "/opt/mine"]),
        home: Some("/state/home".into()),
        person_home: Some("/srv/out/me".into()),
        masks: paths(&["/srv/out/.env", "/srv/keys", "/srv/none", "/elsewhere"]),
        socket_folder: Some("/state/socket".into()),
        ..Sandbox::default()
    };
    let more = "d /srv\nd /srv/out\nf /srv/out/.env\nd /srv/out/kept\nd /srv/keys\nd /opt\nd /opt/mine\nd /state\nd /state/home\nd /state/socket\nd /elsewhere";
    let expected = "Read /opt\nWrite /opt/mine\nRead /run/hyperion = /state/socket\nRead /srv\nEmptyFolder /srv/keys\nWrite /srv/out\nEmptyFile /srv/out/.env\nRead /srv/out/kept\nWrite /srv/out/me = /state/home";
    assert_eq!(drawn(&wish, &FACTS, more), expected);
    wish.read.reverse();
    wish.write.reverse();
    wish.masks.reverse();
    assert_eq!(drawn(&wish, &FACTS, more), expected);
}

#[test]
fn what_is_below_a_private_home_is_seen_and_nothing_else_of_it() {
    let cache = |path: &str, upper: Option<&str>, masks: &[&str]| Cache {
        path: path.into(),
        upper: upper.map(PathBuf::from),
        masks: paths(masks),
    };
    let wish = Sandbox {
        person_home: Some("/home/me".into()),
        write: paths(&["/home/me/src/lane"]),
        caches: vec![
            cache(
                "/home/me/.cargo",
                Some("/state/up"),
                &["credentials.toml", "none"],
            ),
            cache("/home/me/.npm", None, &[]),
            cache("/home/me/.absent", None, &[]),
            cache("/data/file", None, &[]),
        ],
        masks: paths(&["/home/me/.ssh"]),
        ..Sandbox::default()
    };
    let more = "d /home\nd /home/me\nd /home/me/.ssh\nd /home/me/src\nd /home/me/src/lane\nl /home/me/.cargo /data/cargo\nd /data\nf /data/file\nd /data/cargo\nf /data/cargo/credentials.toml\nd /home/me/.npm";
    assert_eq!(
        drawn(&wish, &FACTS, more),
        "Overlay /data/cargo + /state/up\nEmptyFile /data/cargo/credentials.toml\nRead /data/file\nMemory /home/me\nLink /home/me/.cargo -> /data/cargo\nOverlay /home/me/.npm\nWrite /home/me/src/lane"
    );
}

// X6: what is only read in a folder that is written cannot be replaced by way of a folder around it.
#[test]
fn a_folder_that_holds_what_is_only_read_is_a_mount_of_its_own() {
    let wish = Sandbox {
        read: paths(&["/work/.git/config"]),
        write: paths(&["/work", "/work/.git", "/work/src"]),
        ..Sandbox::default()
    };
    let more = "d /work\nd /work/src\nd /work/.git\nf /work/.git/config";
    assert_eq!(
        drawn(&wish, &FACTS, more),
        "Write /work\nWrite /work/.git\nRead /work/.git/config"
    );
}

#[test]
fn a_wish_that_cannot_be_right_is_refused_by_its_field() {
    let of = |wish: &Sandbox| drawn(wish, &FACTS, "l /loop /loop\nl /all /");
    let write = |path: &str| {
        of(&Sandbox {
            write: paths(&[path]),
            ..Sandbox::default()
        })
    };
    assert_eq!(
        write("/absent"),
        "write: /absent does not exist: create it first"
    );
    assert_eq!(
        write("/loop"),
        "write: /loop does not exist: create it first"
    );
    assert_eq!(
        write("here"),
        "write: here is no absolute path without `..`"
    );
    assert!(write("/").contains("the whole machine"));
    assert!(write("/all").contains("the whole machine"));
    let up = Sandbox {
        masks: paths(&["/usr/../etc"]),
        ..Sandbox::default()
    };
    assert!(of(&up).starts_with("masks: /usr/../etc"));
}

#[test]
fn a_link_that_a_run_may_have_left_gives_it_nothing() {
    let more = "d /lane\nl /lane/out /secret\nd /secret\nd /good\nl /link /good";
    let of = |read: &[&str], write: &[&str]| {
        let wish = Sandbox {
            read: paths(read),
            write: paths(write),
            ..Sandbox::default()
        };
        drawn(&wish, &FACTS, more)
    };
    assert!(of(&[], &["/lane", "/lane/out"]).starts_with("write: /lane/out leads through a link"));
    assert_eq!(of(&["/lane/out"], &["/lane"]), "Write /lane");
    assert_eq!(
        of(&["/link"], &["/lane"]),
        "Read /good\nWrite /lane\nLink /link -> /good"
    );
}
