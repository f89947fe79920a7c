//! The lists that hold when nobody set anything.

mod deny;
mod protected;

pub use deny::DENY;
pub use protected::PROTECTED;

/// Paths that shape stored data.
pub const SCHEMA: &[&str] = &[
    "migrations",
    "migration",
    "migrate",
    "**/alembic/versions",
    "**/db/schema.rb",
    "**/db/structure.sql",
    "schema.sql",
    "schema.prisma",
    "*.ddl",
    "*.dbml",
    "liquibase",
    "flyway",
];

/// Paths that describe what others call.
pub const PUBLIC_API: &[&str] = &[
    "openapi.json",
    "openapi.yaml",
    "openapi.yml",
    "swagger.json",
    "swagger.yaml",
    "swagger.yml",
    "asyncapi.*",
    "*.proto",
    "*.graphql",
    "*.graphqls",
    "*.thrift",
    "*.avsc",
    "*.wit",
    "*.wsdl",
];

/// Paths that say which foreign code is used.
pub const DEPENDENCIES: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "package.json",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "pnpm-workspace.yaml",
    "bun.lock",
    "bun.lockb",
    "deno.json",
    "deno.lock",
    "go.mod",
    "go.sum",
    "go.work",
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "requirements*.txt",
    "requirements*.in",
    "constraints*.txt",
    "Pipfile",
    "Pipfile.lock",
    "poetry.lock",
    "uv.lock",
    "pdm.lock",
    "environment.yml",
    "pom.xml",
    "build.gradle",
    "build.gradle.kts",
    "settings.gradle",
    "settings.gradle.kts",
    "gradle.lockfile",
    "libs.versions.toml",
    "Gemfile",
    "Gemfile.lock",
    "*.gemspec",
    "composer.json",
    "composer.lock",
    "*.csproj",
    "*.fsproj",
    "packages.lock.json",
    "Package.swift",
    "Package.resolved",
    "Podfile",
    "Podfile.lock",
    "mix.exs",
    "mix.lock",
    "pubspec.yaml",
    "pubspec.lock",
    "vcpkg.json",
    "conanfile.*",
    "flake.nix",
    "flake.lock",
    "Dockerfile",
    "rust-toolchain",
    "rust-toolchain.toml",
];

/// Paths that hold tests.
///
/// A folder `spec` is not among them: as often it holds specifications that the product reads.
pub const TESTS: &[&str] = &[
    "tests",
    "test",
    "__tests__",
    "*_test.go",
    "*_test.py",
    "test_*.py",
    "*_test.rs",
    "*_tests.rs",
    "tests.rs",
    "testdata",
    "*.test.js",
    "*.test.jsx",
    "*.test.ts",
    "*.test.tsx",
    "*.test.mjs",
    "*.spec.js",
    "*.spec.jsx",
    "*.spec.ts",
    "*.spec.tsx",
    "*_spec.rb",
    "spec_helper.rb",
    "*Test.java",
    "*Tests.java",
    "*Test.kt",
    "*Tests.cs",
    "*Test.php",
];

/// Paths that say how tests run; changing one can hide a failure.
pub const TEST_SETTINGS: &[&str] = &[
    "jest.config.*",
    "vitest.config.*",
    "karma.conf.*",
    ".mocharc*",
    "playwright.config.*",
    "cypress.config.*",
    "pytest.ini",
    "tox.ini",
    "conftest.py",
    "noxfile.py",
    "phpunit.xml*",
    "**/.config/nextest.toml",
];

/// Paths that hold recorded expectations.
pub const RECORDED: &[&str] = &[
    "*.snap",
    "__snapshots__",
    "snapshots",
    "*.golden",
    "*.approved.*",
];

/// Paths whose subject is security.
pub const SECURITY: &[&str] = &[
    "auth",
    "authn",
    "authz",
    "oauth",
    "security",
    "crypto",
    "auth.*",
    "oauth.*",
    "login.*",
    "permissions.*",
    "sudoers",
    // What only speaks of it, or shows it.
    "!*.{md,mdx,rst,adoc,css,scss,less,svg,png,jpg,jpeg,gif,ico,webp,po,pot}",
    "!**/locales/**",
    "!**/i18n/**",
    "!**/translations/**",
];

/// Places outside of every root through which something else can be reached, so that no rule about that thing would apply.
pub const AROUND: &[&str] = &[
    "/proc/*/environ",
    "/proc/*/root",
    "/proc/*/cwd",
    "/proc/*/fd",
    "/proc/*/fdinfo",
    "/proc/*/map_files",
    "/proc/*/mem",
    "/proc/*/maps",
    "/proc/*/exe",
    "/proc/*/task",
    "/proc/kcore",
    "/proc/kmem",
    "/proc/sysrq-trigger",
    "/dev/mem",
    "/dev/kmem",
    "/dev/port",
    "/dev/sd*",
    "/dev/hd*",
    "/dev/vd*",
    "/dev/xvd*",
    "/dev/nvme*",
    "/dev/mmcblk*",
    "/dev/dm-*",
    "/dev/md*",
    "/dev/loop*",
    "/dev/disk",
    "/dev/mapper",
    "/dev/tcp",
    "/dev/udp",
];

/// What holds secrets of the machine itself.
pub const SYSTEM_SECRETS: &[&str] = &[
    "/etc/shadow*",
    "/etc/gshadow*",
    "/etc/sudoers*",
    "/etc/ssl/private",
    "/run/secrets",
    "/var/run/secrets",
];

/// What holds secrets below a home, beyond the deny list.
pub const HOME_SECRETS: &[&str] = &[
    ".azure",
    ".docker",
    ".config/gh",
    ".config/gcloud",
    ".config/op",
    ".config/hub",
    ".config/opencode",
    ".local/share/opencode",
    ".password-store",
    ".local/share/keyrings",
    ".mozilla",
    ".config/google-chrome",
    ".config/chromium",
    ".bash_history",
    ".zsh_history",
    ".claude",
    ".claude.json",
    ".codex",
    ".gemini",
    ".hyperion",
];

/// Places of the machine that hold no secrets and that tools read all the time.
pub const READABLE: &[&str] = &[
    "/usr/include",
    "/usr/share",
    "/usr/lib",
    "/usr/src",
    "/etc/os-release",
    "/etc/debian_version",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/version",
    "/proc/loadavg",
    "/proc/uptime",
    "/dev/null",
    "/dev/stdin",
];

/// Places of the machine that nobody writes through an agent.
pub const SYSTEM: &[&str] = &[
    "/bin", "/boot", "/dev", "/etc", "/lib*", "/opt", "/proc", "/root", "/run", "/sbin", "/sys",
    "/usr", "/var",
];

/// What runs by itself when somebody logs in, below a home.
pub const HOME_STARTS: &[&str] = &[
    ".bash*",
    ".profile",
    ".zsh*",
    ".zprofile",
    ".zlogin",
    ".login",
    ".cshrc",
    ".tcshrc",
    ".gitconfig",
    ".vimrc",
    ".emacs*",
    ".inputrc",
    ".vim",
    ".emacs.d",
    ".gdbinit",
    ".lldbinit",
    ".irbrc",
    ".pryrc",
    ".rprofile",
    ".ipython",
    ".vscode*",
    ".cursor",
    ".codeium",
    ".windsurf",
    ".continue",
    ".aider*",
    ".mcp.json",
    ".xinitrc",
    ".xprofile",
    ".config",
    ".local/bin",
    ".cargo",
    ".npmrc",
    ".cargo/bin",
    ".pam_environment",
];
