//! What is seen inside, and that usual programs work there.

use crate::driver::World;

#[test]
fn its_own_folders_are_where_they_are_outside() {
    for world in World::both() {
        world.write("person/.profile", "of the person");
        let lane = world.at("lane");
        let command = format!(
            "cd {0} && echo built > out && mkdir a b && mv a b/ && echo $HOME && ls -A $HOME && echo kept > $HOME/.state && \
             echo x > $TMPDIR/sandbox-test && cat /tmp/sandbox-test && echo x > /var/tmp/x && echo x > /dev/shm/x && ls -d {1} /run/hyperion",
            lane.display(),
            world.at("person").display(),
        );
        let ran = world.run(&world.wish(), &command);
        if ran.was_full() {
            let person = world.at("person");
            let person = person.display();
            assert_eq!(
                ran.stdout,
                format!("{person}\nx\n/run/hyperion\n{person}\n"),
                "{}",
                ran.stderr
            );
            assert_eq!(ran.status, 0);
            assert!(!std::path::Path::new("/tmp/sandbox-test").exists());
        }
        assert_eq!(
            std::fs::read_to_string(lane.join("out")).unwrap(),
            "built\n"
        );
        assert_eq!(
            std::fs::read_to_string(world.at("home/.state")).unwrap(),
            "kept\n"
        );
        assert_eq!(std::fs::read_dir(world.at("person")).unwrap().count(), 2);
    }
}

#[test]
fn usual_programs_find_what_they_expect() {
    for world in World::both() {
        let command = "set -e; id -u; : > /dev/null; head -c 4 /dev/urandom | wc -c; test -d /proc/self/fd; echo out > /dev/stdout; \
             ls /dev/pts > /dev/null; sh -c 'sleep 0 & wait'; echo $$ > /dev/null; script -qc 'echo in a terminal' /dev/null < /dev/null";
        let ran = world.run(&world.wish(), command);
        let expected = format!("{}\n4\nout\nin a terminal\r\n", world.user);
        if ran.was_full() {
            assert_eq!(ran.stdout, expected, "{}", ran.stderr);
        }
    }
}

#[test]
fn a_link_in_the_private_home_is_not_followed() {
    let world = World::new();
    let victim = world.at("victim");
    std::os::unix::fs::symlink("/tmp", world.at("home/.cargo")).unwrap();
    let mut wish = world.wish();
    wish.read = vec![world.at("person/.cargo")];
    match world.try_run(&wish, "true") {
        Err(said) => assert!(
            said.contains("something else is in the way at .cargo"),
            "{said}"
        ),
        Ok(ran) => assert!(
            !ran.was_full(),
            "nor does it lower the level: {:?}",
            ran.had
        ),
    }
    assert!(!victim.exists());
}
