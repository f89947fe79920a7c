use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixStream;
use std::path::Path;

use hyperion_host::{Home, HomeError, Locations, LockError, effective_uid, peer_of};

fn locations(root: &Path) -> Locations {
    Locations {
        home: root.join("home"),
        cache: root.join("cache"),
        runtime: root.join("runtime"),
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_home_is_created_private_and_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let locations = locations(dir.path());
    assert!(Home::open(&locations).unwrap().is_none());
    let home = Home::open_or_create(&locations).unwrap();
    for folder in [
        home.path().to_path_buf(),
        home.runs(),
        home.blobs(),
        home.repos(),
        home.cache().to_path_buf(),
    ] {
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
    }
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
    Home::open_or_create(&locations).unwrap();
    assert_eq!(mode(home.path()), 0o700);
    assert!(Home::open(&locations).unwrap().is_some());
}

#[test]
fn a_home_inside_a_repository_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let repository = dir.path().join("repo");
    fs::create_dir_all(repository.join(".git")).unwrap();
    let inside = Locations {
        home: repository.join("deep/home"),
        ..locations(dir.path())
    };
    let error = Home::open_or_create(&inside).unwrap_err();
    assert!(
        matches!(&error, HomeError::InsideRepository { .. }),
        "{error}"
    );
    assert!(error.remedy().contains("HYPERION_HOME"));
    assert!(
        !repository.join("deep").exists(),
        "a refusal leaves nothing behind"
    );
    // Through a link, too; and the cache, where checks run.
    symlink(&repository, dir.path().join("link")).unwrap();
    let linked = Locations {
        home: dir.path().join("link/home"),
        ..locations(dir.path())
    };
    assert!(matches!(
        Home::open_or_create(&linked),
        Err(HomeError::InsideRepository { .. })
    ));
    let cache = Locations {
        cache: repository.join("cache"),
        ..locations(dir.path())
    };
    assert!(matches!(
        Home::open_or_create(&cache),
        Err(HomeError::InsideRepository { .. })
    ));
    let bare = dir.path().join("bare.git");
    for folder in ["objects", "refs"] {
        fs::create_dir_all(bare.join(folder)).unwrap();
    }
    fs::write(bare.join("HEAD"), "ref: refs/heads/main\n").unwrap();
    let in_bare = Locations {
        home: bare.join("home"),
        ..locations(dir.path())
    };
    assert!(matches!(
        Home::open_or_create(&in_bare),
        Err(HomeError::InsideRepository { .. })
    ));
}

#[test]
fn a_home_that_cannot_be_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("home"), b"a file").unwrap();
    assert!(matches!(
        Home::open_or_create(&locations(dir.path())),
        Err(HomeError::NotAFolder { .. })
    ));
    assert!(matches!(
        Home::open(&locations(dir.path())),
        Err(HomeError::NotAFolder { .. })
    ));
    let nowhere = Locations {
        home: "/proc/nowhere/home".into(),
        ..locations(dir.path())
    };
    assert!(matches!(
        Home::open_or_create(&nowhere),
        Err(HomeError::NotWritable { .. })
    ));
}

#[test]
fn one_engine_at_a_time_has_the_lock() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::open_or_create(&locations(dir.path())).unwrap();
    let lock = home.lock().unwrap();
    let Err(LockError::Busy { pid, .. }) = home.lock() else {
        panic!("two locks")
    };
    assert_eq!(pid, Some(std::process::id()));
    drop(lock);
    home.lock().unwrap();
}

#[test]
fn a_long_home_has_its_socket_in_a_private_runtime_folder() {
    let dir = tempfile::tempdir().unwrap();
    let near = Home::open_or_create(&locations(dir.path())).unwrap();
    assert_eq!(near.socket().unwrap(), near.path().join("socket"));
    let long = Locations {
        home: dir.path().join("x".repeat(120)),
        ..locations(dir.path())
    };
    let socket = Home::open_or_create(&long).unwrap().socket().unwrap();
    assert!(socket.starts_with(dir.path().join("runtime")));
    assert_eq!(mode(&dir.path().join("runtime")), 0o700);
}

#[test]
fn the_peer_of_a_socket_is_known() {
    let (one, _other) = UnixStream::pair().unwrap();
    let peer = peer_of(&one).unwrap();
    assert_eq!((peer.pid, peer.uid), (std::process::id(), effective_uid()));
}
