//! Which paths the shipped lists refuse, and which ask an admin.

use crate::change::{bugfix, edit, outcome};

/// Judges an edit of each path, and lists those whose outcome begins otherwise.
fn others(expected: &str, paths: &str) -> Vec<String> {
    let judged = paths.split_whitespace().map(|path| {
        let found = outcome(&bugfix([edit(path, &["-a: 1", "+a: 2"])]));
        (path, found)
    });
    judged
        .filter(|(_, found)| !found.starts_with(expected))
        .map(|(path, found)| format!("{path}: {found}"))
        .collect()
}

#[test]
fn what_holds_secrets_is_refused() {
    let paths = "
        .env app/.env .ENV .env~ .env.local .env.production .env-staging .env_prod prod.env deploy/Prod.Env prod.env~ .envrc
        a/.envrc.local .dev.vars .secrets .secrets.toml .npmrc web/.npmrc .netrc _netrc .netrc.bak .pgpass pgpass.conf .my.cnf
        .pypirc .htpasswd .htpasswd.old .git-credentials .vault-token .s3cfg .dockercfg kubeconfig kubeconfig.yaml
        dev.kubeconfig .kube/config .aws/credentials .ssh/config .ssh/notes.md .docker/config.json .cargo/credentials.toml
        .m2/settings.xml .config/gh/hosts.yml .config/gcloud/x terraform.tfvars terraform.tfvars.json a/prod.auto.tfvars
        terraform.tfstate terraform.tfstate.backup .terraformrc .bash_history .zsh_history .zhistory .psql_history
        .python_history .history fish_history .lesshst .viminfo server.key server.key~ tls.pem tls.pem.bak a.p12 a.pfx a.jks
        a.keystore a.kdbx AuthKey_1.p8 id_rsa id_ed25519 id_ecdsa_sk id_rsa.bak credentials.json config/credentials.yml
        client_secret_1.apps.json service-account.json serviceAccountKey.json local.settings.json
    ";
    assert_eq!(others("deny path.denied", paths), Vec::<String>::new());
}

#[test]
fn templates_and_sources_named_after_secrets_are_not_refused() {
    let paths = "
        .env.example .env.sample .env.template .env.dist .env.schema .env.vault .env.production.example .env.example.local
        .env-example app/.ENV.EXAMPLE example.env prod.example.env .envrc.example .netrc.sample .secrets.baseline
        src/credentials.ts src/credentials.rs credentials.go lib/credentials.py Credentials.java docs/credentials.md
        credentials.json.example credentials.example.json credentials.yml.enc src/credentials/provider.toml
        id_rsa.pub id_rsa_parser.rs kubeconfig.go pkg/kubeconfig/testfile.yaml terraform.tfvars.example
        envs/eu.tfvars monkey.txt envoy.yaml environment.ts history.txt src/history.rs key.rs pem.rs env.d.ts docs/npmrc.md
    ";
    assert_eq!(others("allow", paths), Vec::<String>::new());
}

#[test]
fn what_runs_by_itself_asks_an_admin() {
    let paths = "
        .mcp.json web/.mcp.json mcp.json .vscode/settings.json a/.vscode/tasks.json .VSCode/tasks.json my.code-workspace
        .cursor/mcp.json .cursorrules .gemini/settings.json .claude/settings.json sub/.claude/hooks/a.sh .claude.json
        .codex/config.toml opencode.json opencode.jsonc .opencode/agent/a.txt .devcontainer/devcontainer.json
        .devcontainer.json .idea/runConfigurations/a.xml .run/a.run.xml .zed/tasks.json .helix/languages.toml .nvim.lua
        .dir-locals.el .gdbinit .bsp/sbt.json .ycm_extra_conf.py mcp_config.json cline_mcp_settings.json a/.exrc app.sublime-project .gitpod.yml .gitpod.Dockerfile devbox.json mise.toml .mise.local.toml
        .windsurf/rules/a.txt .clinerules .roo/mcp.json .kiro/settings/mcp.json .amazonq/mcp.json .aider.conf.yml
        .continue/config.yaml .junie/guidelines.txt .goosehints .kilocode/mcp.json crush.json .vs/tasks.vs.json
        .husky/pre-commit .huskyrc.json lefthook.yml .lefthook.yaml lefthook-local.yml .config/lefthook.toml
        .lefthook/pre-push/a .pre-commit-config.yaml .pre-commit-hooks.yaml prek.toml .overcommit.yml .git-hooks/a .githooks/a
        captainhook.json grumphp.yml.dist .simple-git-hooks.cjs .lintstagedrc lint-staged.config.mjs
        .github/workflows/a.yml .gitlab-ci.yml ci/build.gitlab-ci.yml .gitlab/ci.yml .forgejo/workflows/a.yml
        .gitea/workflows/a.yaml bitbucket-pipelines.yml .circleci/config.yml azure-pipelines.yml azure-pipelines-pr.yaml
        .azure-pipelines/a.yml Jenkinsfile Jenkinsfile.release ci/deploy.Jenkinsfile .drone.yml .drone.star
        .woodpecker/a.yaml .woodpecker.yaml .buildkite/pipeline.yml .travis.yml appveyor.yml .appveyor.yml .build.yml
        .builds/a.yml .cirrus.star cloudbuild.yaml buildspec.yml .tekton/a.yaml .semaphore/a.yml .teamcity/settings.kts
        .zuul.yaml zuul.d/a.yaml codemagic.yaml .prow/a.yaml
        .mergify.yml bors.toml Dangerfile dangerfile.ts hyperion.toml CODEOWNERS docs/CODEOWNERS .gitattributes .gitmodules
        .lfsconfig .cargo/config.toml .yarn/releases/yarn.cjs .yarnrc.yml bunfig.toml gradle/wrapper/gradle-wrapper.properties
        gradlew .mvn/extensions.xml mvnw sitecustomize.py .bazelrc
    ";
    assert_eq!(others("admin protected_path", paths), Vec::<String>::new());
    let ordinary = "
        src/mcp.rs src/vscode/a.ts vscode.md lefthook/a.go src/idea.rs runner.xml jenkins.md src/github/a.rs cloud.yaml
        rules.txt docs/agents.txt zed.rs mise.md hooks/useState.txt src/hooks/a.vue
    ";
    assert_eq!(others("allow", ordinary), Vec::<String>::new());
}
