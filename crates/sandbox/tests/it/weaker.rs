//! Lower levels, and what a machine does not give.

use hyperion_host::Launch;
use hyperion_sandbox::{Cache, Layer, Level, Network, Sandbox, layers};

use crate::driver::{Ran, World, answer};

#[test]
fn partial_keeps_files_away_and_says_what_it_lacks() {
    let own = std::process::id();
    for world in World::both() {
        let secret = world.write("other-run/secret", "secret");
        let masked = world.write("lane/.env", "masked");
        let mut wish = world.wish();
        wish.level = Level::Partial;
        wish.network = Network::On;
        let credentials = world.write("person/.cargo/credentials.toml", "token");
        let beside = world.write("person/.cargo/config.toml", "");
        wish.masks = vec![masked, credentials.clone()];
        wish.read = vec![world.at("person/.cargo")];
        let command = format!(
            "cat {} {} /etc/shadow; ls {}; (: > /proc/sys/kernel/core_pattern) && echo turned; cat {} && tr -d '\\0' < /proc/{own}/environ; cd {} && echo built > out && mkdir a b && mv a b/ && echo x > $HOME/x && mktemp > /dev/null && cat /etc/hostname > /dev/null && echo fine",
            secret.display(),
            credentials.display(),
            world.at("other-run").display(),
            beside.display(),
            world.at("lane").display(),
        );
        let ran = world.run(&wish, &command);
        assert!(!ran.had.has(Layer::MountNamespace));
        assert!(ran.stdout.ends_with("fine\n"), "{}", ran.stderr);
        if ran.had.has(Layer::Landlock) {
            assert_eq!(ran.had.level, Level::Partial);
            assert_eq!(ran.stdout, "fine\n", "{}", ran.stderr);
        }
        let lacks: Vec<&str> = ran.had.lacks.iter().map(|lack| lack.why.as_str()).collect();
        assert!(
            lacks
                .iter()
                .any(|why| why.starts_with("denied files in folders")),
            "{lacks:?}"
        );
        assert_eq!(std::fs::read_to_string(world.at("home/x")).unwrap(), "x\n");
    }
}

#[test]
fn without_user_namespaces_full_becomes_partial_and_works() {
    for world in World::both().into_iter().skip(1) {
        // A namespace of its own for the limit: the machine's stays as it is.
        let wish = serde_json::to_string(&world.wish()).unwrap();
        let inner = world.launch(&[&wish, "echo fine; touch /usr/x"]);
        let launch = Launch::new("/usr/bin/unshare", "/")
            .args(["-U", "--map-users=all", "--map-groups=all", "sh", "-c"])
            .arg("echo 0 > /proc/sys/user/max_user_namespaces && exec \"$@\"")
            .arg("sh")
            .arg(inner.program)
            .args(inner.args)
            .env("PATH", "/usr/bin:/bin");
        let ran = match answer(&launch) {
            // This machine has no user namespaces to begin with, or its `unshare` maps one user only.
            Err(said) if said.starts_with("unshare:") => return,
            ran => ran.unwrap(),
        };
        assert_eq!(ran.stdout, "fine\n", "{}", ran.stderr);
        assert_ne!(ran.had.level, Level::Full);
        assert_eq!(ran.had.network, Network::On);
        let why = &ran.had.lacks[0].why;
        assert!(
            why.contains("sysctl user.max_user_namespaces=15000"),
            "{why}"
        );
        for layer in [
            Layer::MountNamespace,
            Layer::PidNamespace,
            Layer::NetworkNamespace,
        ] {
            assert!(
                ran.had.lacks.iter().any(|lack| lack.layer == layer),
                "{layer:?}"
            );
        }
    }
}

#[test]
fn a_sandbox_in_a_sandbox_is_weaker_and_says_so_and_works() {
    for world in World::both() {
        let mut wish = world.wish();
        wish.read = vec![world.at("enter")];
        let inner = Sandbox {
            write: vec![world.at("lane")],
            socket_folder: Some(world.at("lane")),
            ..Sandbox::default()
        };
        let inner = serde_json::to_string(&inner).unwrap();
        let command = format!(
            "{} '{inner}' 'echo fine; cd {}; mkdir a b && mv a b/; touch /dev/shm/x; ls /usr/bin/env'",
            world.at("enter").display(),
            world.at("lane").display(),
        );
        let outer = world.run(&wish, &command);
        let ran: Ran = serde_json::from_str(&outer.stdout).expect(&outer.stderr);
        assert_eq!(ran.stdout, "fine\n/usr/bin/env\n", "{}", ran.stderr);
        if outer.had.has(Layer::Seccomp) {
            assert!(!ran.had.has(Layer::UserNamespace), "{:?}", ran.had);
            let why = &ran.had.lacks[0].why;
            assert!(why.contains("filter of system calls"), "{why}");
        }
        if outer.was_full() && outer.had.has(Layer::Landlock) {
            // What it shares with the outer one is of one run; loopback alone is what the outer one left.
            assert_eq!(
                (ran.had.level, ran.had.network),
                (Level::Partial, Network::On)
            );
        }
    }
}

#[test]
fn a_cache_that_cannot_be_an_overlay_is_read_and_not_written() {
    let world = World::new();
    let file = world.write("person/.cargo/crate", "good");
    let mut wish = world.wish();
    wish.caches = vec![Cache {
        path: world.at("person/.cargo"),
        upper: None,
        masks: Vec::new(),
    }];
    let wish = serde_json::to_string(&wish).unwrap();
    let command = format!("cat {0}; echo bad > {0}; cat {0}", file.display());
    let inner = world.launch(&[&wish, &command]);
    // The kernel stacks two overlays, and no third.
    let stack = "mount -t tmpfs t $2 && mkdir $2/u $2/v $2/w $2/x || exit
        for upper in u:w v:x; do mount -t overlay o -o lowerdir=$1,upperdir=$2/${upper%:*},workdir=$2/${upper#*:} $1 || exit; done
        shift 2; exec \"$@\"";
    let launch = Launch::new("/usr/bin/unshare", "/")
        .args(["-m", "sh", "-c", stack, "sh"])
        .args([world.at("person/.cargo"), world.at("upper")])
        .arg(inner.program)
        .args(inner.args)
        .env("PATH", "/usr/bin:/bin");
    // Whoever may not mount cannot try it.
    let Ok(ran) = answer(&launch) else { return };
    if ran.was_full() {
        let lacks = format!("{:?}", ran.had.lacks);
        assert!(lacks.contains("can be read but not written"), "{lacks}");
        assert_eq!(ran.stdout, "goodgood", "{}", ran.stderr);
    }
    assert_eq!(std::fs::read_to_string(file).unwrap(), "good");
}

#[test]
fn off_has_no_new_privileges_and_nothing_else() {
    let world = World::new();
    let mut wish = world.wish();
    wish.level = Level::Off;
    wish.network = Network::On;
    let ran = world.run(&wish, &format!("ls {}", world.at("person").display()));
    assert_eq!(ran.had.layers, [Layer::NoNewPrivileges]);
    assert_eq!((ran.had.level, ran.status), (Level::Off, 0));
    assert_eq!(ran.had.lacks, []);
    wish.network = Network::Off;
    let ran = world.run(
        &wish,
        "grep CapEff /proc/self/status; tail -n +3 /proc/net/dev | cut -d: -f1",
    );
    if ran.had.has(Layer::NetworkNamespace) {
        assert_eq!(ran.had.network, Network::Off);
        assert_eq!(ran.stdout, "CapEff:\t0000000000000000\n    lo\n");
    }
}

#[test]
fn a_probe_tells_of_every_layer() {
    for world in World::both() {
        let launch = world.launch(&["shim", hyperion_sandbox::PROBE]);
        let limits = hyperion_host::Limits {
            wall: std::time::Duration::from_secs(20),
            output_max: 65536,
        };
        let outcome = hyperion_host::run(&launch, &limits).unwrap();
        let had = serde_json::from_slice(&outcome.stdout.bytes).unwrap();
        assert!(layers(&had).len() >= 7, "{had:?}");
    }
}
