# git.
new git && {
    g() { (cd /srv/project && git "$@" > /dev/null 2>&1); }
    record git-no-repository git 'git status'
    g init
    put a.txt <<< 'one'
    put b.txt <<< 'one'
    g add .; g commit -m one
    g switch -c side; put a.txt <<< 'side'; g commit -am side
    g switch main; put a.txt <<< 'main'; g commit -am main
    record git-merge git 'git merge side'
    g merge --abort
    record git-rebase git 'git rebase side'
    g rebase --abort
    record git-cherry-pick git 'git cherry-pick side'
    g cherry-pick --abort
    (cd /srv/project && git switch -q side && git mv b.txt c.txt && git commit -qm moved && git switch -q main && git rm -q b.txt && git commit -qm removed)
    record git-merge-removed git 'git merge side'
    g merge --abort
    touch /srv/project/.git/index.lock
    record git-index-lock git 'git add .'
    rm /srv/project/.git/index.lock
    put a.txt <<< 'unsaved'
    record git-overwrite git 'git switch side'
    g checkout .
    record git-pathspec git 'git checkout no-such-branch'
    record git-no-command git 'git stauts'
    record git-bad-revision git 'git log main..absent'
    rm -rf /srv/ada/hub.git; git init -q --bare /srv/ada/hub.git
    g remote add origin /srv/ada/hub.git; g push origin main
    (cd /srv/ada && rm -rf other && git clone -q hub.git other && cd other && echo x > x && git add x && git commit -qm theirs && git push -q)
    put y <<< y; g add y; g commit -m ours
    record git-rejected git 'git push origin main'
    record git-no-upstream git 'git switch -qc fresh; git push; r=$?; git switch -q main; exit $r'
    record git-no-remote git 'git fetch /srv/ada/absent.git'
    record git-dns git 'git fetch https://git.invalid/x.git'
    record git-refused git 'git fetch http://127.0.0.1:9/x.git'
    record git-hook git 'printf "#!/bin/sh\necho no unfinished work >&2\nexit 1\n" > .git/hooks/pre-commit; chmod +x .git/hooks/pre-commit; git commit --allow-empty -m x; r=$?; rm .git/hooks/pre-commit; exit $r'
    record git-identity git 'HOME=/srv/full GIT_CONFIG_GLOBAL=/dev/null git -c user.useConfigOnly=true commit --allow-empty -m x'
    record git-unrelated git 'git switch -q --orphan lone; git commit -q --allow-empty -m lone; git merge main; r=$?; git switch -q main; exit $r'
    record git-permission git "chmod -R go-w .git; git config --global --add safe.directory '*'; $as_ada git commit --allow-empty -m x"
    record git-ownership git "git config --global --unset-all safe.directory; $as_ada git status"
    record git-apply git 'printf "%s\n" "--- a/a.txt" "+++ b/a.txt" "@@ -1 +1 @@" "-other" "+new" > p; git apply p'
    record git-branch-exists git 'git branch side'
    python - <<< 'import http.server, os, threading
class Asks(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(401); self.send_header("WWW-Authenticate", "Basic realm=x"); self.end_headers()
    def log_message(self, *rest): pass
http.server.HTTPServer(("127.0.0.1", 38123), Asks).serve_forever()' & server=$!
    sleep 1
    ask git-credentials git 'git clone http://127.0.0.1:38123/x.git'
    record git-no-terminal git 'GIT_TERMINAL_PROMPT=0 git clone http://127.0.0.1:38123/x.git'
    kill $server
    mkdir -p /run/sshd; ssh-keygen -q -t ed25519 -N '' -f /srv/ada/key
    /usr/sbin/sshd -D -p 38124 -h /srv/ada/key -o ListenAddress=127.0.0.1 -o PidFile=none -f /dev/null 2> /srv/sshd.log & server=$!
    sleep 1
    ask ssh-host-key ssh 'ssh -F none -o UserKnownHostsFile=/srv/ada/hosts -o GlobalKnownHostsFile=/dev/null -p 38124 ada@127.0.0.1'
    ask ssh-password ssh 'ssh -F none -o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no -o PubkeyAuthentication=no -p 38124 ada@127.0.0.1'
    record ssh-denied ssh 'ssh -F none -o BatchMode=yes -o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no -p 38124 ada@127.0.0.1'
    ask ssh-passphrase ssh "ssh-keygen -q -t ed25519 -N secret-phrase -f /srv/ada/locked; ssh -F none -i /srv/ada/locked -o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no -p 38124 ada@127.0.0.1"
    kill $server
    record ssh-refused ssh 'ssh -F none -o BatchMode=yes -p 9 127.0.0.1'
    record ssh-dns ssh 'ssh -F none -o BatchMode=yes git.invalid'
    ask git-add-patch git 'echo more >> a.txt; git add -p'
}
