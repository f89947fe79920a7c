//! Network: whatever talks to other machines asks.

use super::{Does, Operands, Program};
use crate::command::call::Call;
use crate::command::judge::{Judge, Touch};

const TALKS: Does = Does::Talks("talks to other machines");

pub(super) const PROGRAMS: &[Program] = &[
    Program::new(
        &["curl"],
        Does::Talks("fetches from or sends to another machine"),
        "-# -A=t -b=t -c=w -C=t -d=t -D=w -e=t -E=r -f -F=t -g -G -H=t -i -I -k -K=r -L -m=t -n -N -o=w -O -P=t -q -Q=t -r=t
         -R -s -S -T=r -u=t -U=t -v -w=t -x=t -X=t -y=t -Y=t -z=t -0 -1 -2 -3 -4 -6 --cacert=r --cert=r --compressed
         --config=r --connect-timeout=t --cookie=t --cookie-jar=w --data=t --data-ascii=t --data-binary=t --data-raw=t
         --data-urlencode=t --dump-header=w --fail --form=t --get --head --header=t --include --insecure --json=t --key=r
         --location --max-time=t --netrc-file=r --output=w --output-dir=w --proto=t --proxy=t --remote-name --request=t
         --retry=t --silent --show-error --tlsv1.2 --trace=w --trace-ascii=w --upload-file=r --url=t --user=t
         --user-agent=t --verbose --write-out=t",
        Operands::Kept,
    )
    .checked(fetches),
    Program::new(
        &["wget"],
        Does::Talks("fetches from another machine"),
        "-b -c -i=r -N -o=w -O=w -P=w -q -r -S -t=t -T=t -U=t -v --directory-prefix=w --header=t --input-file=r
         --method=t --no-check-certificate --no-verbose --output-document=w --post-data=t --post-file=r --quiet
         --timeout=t --tries=t",
        Operands::Kept,
    )
    .checked(fetches),
    Program::new(
        &["fetch", "aria2c", "lynx", "w3m", "links", "http", "https", "xh", "httpie", "axel"],
        TALKS,
        "",
        Operands::Kept,
    )
    .checked(fetches),
    Program::new(
        &[
            "scp", "sftp", "ftp", "telnet", "nc", "ncat", "netcat", "socat", "ping", "ping6", "traceroute", "dig", "host",
            "nslookup", "whois", "nmap", "openssl", "gh", "glab", "hub", "aws", "gcloud", "az", "psql", "mysql", "redis-cli",
            "mongosh", "sqlcmd", "rclone", "smbclient", "mail", "sendmail", "ssh-copy-id", "ssh-keygen", "ssh-add",
        ],
        TALKS,
        "",
        Operands::Kept,
    ),
];

/// Notes that something came in that nobody can have seen, and looks at what is sent.
fn fetches(judge: &mut Judge<'_>, call: &Call) {
    judge.fetched += 1;
    judge.secrets(&call.operands);
    for given in &call.given {
        for (_, word) in &given.values {
            judge.secret(word);
        }
        if matches!(given.name.as_str(), "-O" | "--remote-name") && given.values.is_empty() {
            judge.path(&crate::command::word::Word::known("x"), Touch::Write);
        }
    }
}
