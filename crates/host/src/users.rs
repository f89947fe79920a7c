//! The users of this machine.

use std::fs;

/// Where they are listed.
const LIST: &str = "/etc/passwd";

/// Finds the number of a user of this machine by name; nothing where the machine's own list has none.
pub fn uid_of(name: &str) -> Option<u32> {
    find(&fs::read_to_string(LIST).ok()?, name)
}

fn find(list: &str, name: &str) -> Option<u32> {
    let lines = list.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let mut found = lines.filter(|fields| fields.first() == Some(&name));
    found.next()?.get(2)?.parse().ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_user_is_found_by_their_whole_name() {
        let list =
            "root:x:0:0::/root:/bin/sh\nada:x:1000:1000:Ada,,,:/home/ada:/bin/bash\nbroken\n";
        let found = ["root", "ada", "ad", "broken", ""].map(|name| super::find(list, name));
        assert_eq!(found, [Some(0), Some(1000), None, None, None]);
    }
}
