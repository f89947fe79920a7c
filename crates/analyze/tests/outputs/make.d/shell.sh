# bash, dash, coreutils, curl, make, gcc, sudo: what machines say.
new shell && {
    put run.sh <<< 'if true; then
  echo a
'
    record bash-syntax bash 'bash run.sh'
    record dash-syntax dash 'sh run.sh'
    put run.sh <<< 'set -eu
deploy_tool --now'
    record bash-no-command bash 'bash run.sh'
    record dash-no-command dash 'sh run.sh'
    record bash-unbound bash 'bash -uc "echo \$HOST_OF_NOBODY"'
    record bash-not-executable bash './run.sh'
    put odd.sh <<< '#!/usr/bin/env nosuchshell'
    record bash-interpreter bash 'chmod +x odd.sh; ./odd.sh'
    record bash-no-such-file bash './absent.sh'
    record bash-killed bash 'bash -c "kill -9 \$\$"; exit $?'
    record bash-segfault bash 'bash -c "bash -c \"kill -SEGV \\\$\\\$\"; exit \$?"'
    record cat-no-file coreutils 'cat prices.csv'
    record cat-permission coreutils "$as_ada cat /etc/shadow"
    record cp-permission coreutils "touch a; $as_ada cp a /etc/a"
    record mkdir-not-permitted coreutils 'mkdir /sys/prices'
    record cp-full coreutils 'head -c 200000 /dev/zero > big; cp big /srv/full/big; r=$?; rm -f /srv/full/*; exit $r'
    record bash-full bash 'printf "%0200000d" 0 > /srv/full/big; r=$?; rm -f /srv/full/*; exit $r'
    record ls-no-folder coreutils 'ls folder'
    record rm-permission coreutils "mkdir -p locked; touch locked/a; chmod 755 locked; $as_ada rm -f locked/a"
    record bash-memory bash 'ulimit -v 10000; x=$(head -c 100000000 /dev/zero | tr "\0" x)'
    record mkdir-fixed coreutils 'mkdir /srv/fixed/prices'
    record timeout-124 coreutils 'timeout 1 sleep 5'
    record curl-refused curl 'curl -sS http://127.0.0.1:9/'
    record curl-dns curl 'curl -sS https://prices.invalid/'
    record curl-timeout curl 'python -c "import socket,time; s=socket.create_server((\"127.0.0.1\",38125)); time.sleep(4)" & sleep 1; curl -sS --max-time 1 http://127.0.0.1:38125/'
    record curl-404 curl 'python -m http.server 38126 --bind 127.0.0.1 > /dev/null 2>&1 & p=$!; sleep 1; curl -sSf http://127.0.0.1:38126/absent; r=$?; kill $p; exit $r'
    record python-server-port python 'python -m http.server 38127 --bind 127.0.0.1 > /dev/null 2>&1 & p=$!; sleep 1; python -m http.server 38127 --bind 127.0.0.1; r=$?; kill $p; exit $r'
    put Makefile <<< 'all: app
	./app
app: app.c
	gcc -o app app.c'
    record make-no-source make 'make'
    put app.c <<< '#include <stdio.h>
int main(void) {
    int total = "four";
    printf("%d\n", totl)
    return 0;
}'
    record gcc-errors gcc 'gcc app.c'
    record make-compile make 'make'
    put app.c <<< '#include "absent.h"
int main(void) { return 0; }'
    record gcc-no-header gcc 'gcc app.c'
    put app.c <<< 'int absent(void);
int main(void) { return absent(); }'
    record gcc-link gcc 'gcc app.c'
    record make-no-rule make 'make deploy'
    put fork.sh <<< 'for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait'
    record bash-fork bash "ulimit -u 1; $as_ada bash fork.sh"
    ask bash-read bash "bash -c 'read -p \"Deploy to production? [y/N] \" answer'"
    ask rm-asks coreutils 'touch keep; rm -i keep'
    ask sudo-password sudo "$as_ada sudo ls /etc/ssl/private"
    record sudo-no-terminal sudo "$as_ada sudo ls /etc/ssl/private"
    record bash-arguments bash 'head -c 3000000 /dev/zero | tr "\0" x > long; /bin/echo "$(cat long)"'
    ask apt-asks apt 'apt-get install -o Debug::NoLocking=1 -o Dir::Cache::archives=/srv/ada cowsay'
}
