// Runs shipmark in a pipeline and returns what it says of the release. shipmark.txt is the help.
//
// Values travel in the environment and never inside a script: a branch's name cannot become a command. Nothing is read
// from stdout: the exit code and a KEY=VALUE file say everything, and they survive Jenkins' sandbox and its restarts.

def call(Map options = [:]) {
    Map given = [
        command: 'preview', images: [], config: '', directory: '', venv: '', container: '', mounts: [], args: [], failOnError: true,
        component: [], from: [], version: '', release: '', rebuild: '', reason: '', allowBackward: false, wait: false,
        platforms: [], output: '', source: '', to: [], line: '',
    ]
    for (String name : options.keySet()) {
        if (!given.containsKey(name)) {
            error("shipmark: no option `${name}`; there are ${given.keySet().join(', ')}")
        }
    }
    given.putAll(options)
    for (String name : ['images', 'args', 'mounts', 'component', 'from', 'platforms', 'to']) {
        // One text in place of a list with one: Groovy would walk its characters.
        if (!(given[name] instanceof List)) {
            given[name] = given[name] ? [given[name]] : []
        }
        for (Object one : given[name]) {
            // An argument may be empty; `null` is no text.
            if (name == 'args' ? one == null : !one) {
                error("shipmark: `${name}` has an entry without a value: a parameter or variable that is not set may stand there")
            }
        }
    }
    String container = given.container ?: (env.SHIPMARK_CONTAINER ?: '')
    String venv = given.venv ?: (env.SHIPMARK_VENV ?: (container ? '/opt/shipmark' : ''))
    if (!venv) {
        error('shipmark: where is it installed? Set `venv: \'/opt/shipmark\'` or the variable SHIPMARK_VENV, or `container:` and an image of shipmark')
    }
    String temporary = pwd(tmp: true)
    // A file of its own: steps of a `parallel` block on one agent share this folder.
    String resultFile = temporary + '/shipmark-result-' + UUID.randomUUID() + '.env'

    int status = 1
    withEnv([
        "SHIPMARK_VENV=${venv}",
        "SHIPMARK_ARGUMENTS=${commandLine(given, resultFile)}",
        "SHIPMARK_RESULT=${resultFile}",
        "SHIPMARK_CONTAINER=${container}",
        "SHIPMARK_MOUNTS=${(['', env.WORKSPACE ?: '', pwd(), temporary] + given.mounts).join('\n')}",
    ]) {
        status = sh(returnStatus: true, label: "shipmark ${given.command}", script: '''#!/bin/sh
            set -eu
            # Result files of builds before this day.
            find "${SHIPMARK_RESULT%/*}" -name 'shipmark-result-*.env' -mtime +0 -exec rm -f -- {} + || true
            set --
            while IFS= read -r argument; do
                set -- "$@" "$argument"
            done <<END_OF_ARGUMENTS
$SHIPMARK_ARGUMENTS
END_OF_ARGUMENTS
            set -- "$SHIPMARK_VENV/bin/python" -I "$SHIPMARK_VENV/bin/shipmark" "$@"
            if [ -z "$SHIPMARK_CONTAINER" ]; then
                exec "$@"
            fi
            # An agent without Python: the image's shipmark works on this workspace, as this user, with the variables of
            # the build. Only their names stand on the command line.
            set -- "$SHIPMARK_CONTAINER" "$@"
            for name in $(env | sed -n 's/^\\([A-Za-z_][A-Za-z0-9_]*\\)=.*/\\1/p'); do
                case "$name" in
                    # Of the agent's own system: they name files that the container does not have.
                    PATH | HOME | HOSTNAME | PWD | OLDPWD | TMPDIR | TMP | TEMP | SHELL | _) ;;
                    JAVA_* | LD_* | PYTHON* | PIP_* | SSL_CERT_* | XDG_*) ;;
                    SHIPMARK_ARGUMENTS | SHIPMARK_MOUNTS) ;;
                    *) set -- --env "$name" "$@" ;;
                esac
            done
            mounted=''
            while IFS= read -r mount; do
                # docker refuses a place that is mounted twice.
                case "|$mounted|" in
                    *"|$mount|"*) ;;
                    *) set -- --volume "$mount:$mount" "$@" ;;
                esac
                mounted="$mounted|$mount"
            done <<END_OF_MOUNTS
$SHIPMARK_MOUNTS
${DOCKER_CONFIG:-}
END_OF_MOUNTS
            exec docker run --rm --init --entrypoint "" --user "$(id -u):$(id -g)" --workdir "$PWD" --env HOME=/tmp "$@"
        ''')
    }

    Map result = fileExists(resultFile) ? resultOf(readFile(file: resultFile, encoding: 'UTF-8')) : [:]
    result.exitCode = status
    if (status != 0 && given.failOnError) {
        error("shipmark ${given.command}: ${meaning(status)} (exit code ${status})")
    }
    return result
}

def preview(Map options = [:]) { return call(options + [command: 'preview']) }

// Not called `run`: that is the method of every Groovy script that runs the script itself.
def release(Map options = [:]) { return call(options + [command: 'run']) }

def build(Map options = [:]) { return call(options + [command: 'build']) }

def tags(Map options = [:]) { return call(options + [command: 'tags']) }

def version(Map options = [:]) { return call(options + [command: 'version']) }

def promote(Map options = [:]) { return call(options + [command: 'promote']) }

def rollback(Map options = [:]) { return call(options + [command: 'rollback']) }

def restore(Map options = [:]) { return call(options + [command: 'restore']) }

// One argument a line.
private String commandLine(Map given, String resultFile) {
    List argv = []
    if (given.directory) {
        argv.addAll(['-C', given.directory])
    }
    if (given.config) {
        argv.addAll(['--config', given.config])
    }
    argv.add(given.command)
    if (given.command != 'promote') {
        for (Object image : given.images) {
            argv.add('--image=' + image)
        }
    }
    argv.addAll(['--result-file', resultFile])
    Map valued = [
        component: '--component', from: '--from', release: '--release', rebuild: '--rebuild', reason: '--reason',
        platforms: '--platform', output: '--output', to: '--to', line: '--line',
    ]
    for (String name : valued.keySet()) {
        for (Object value : (given[name] instanceof List ? given[name] : [given[name]])) {
            if (value) {
                argv.add(valued[name] + '=' + value)
            }
        }
    }
    if (given.allowBackward) {
        argv.add('--allow-backward')
    }
    if (given.wait) {
        argv.add('--wait')
    }
    if (given.version && given.command != 'restore') {
        argv.add('--version=' + given.version)
    }
    argv.addAll(given.args)
    if (given.command == 'restore' && given.version) {
        argv.addAll(['--', given.version])
    } else if (given.source) {
        argv.addAll(['--', given.source])
    }
    for (Object argument : argv) {
        if (argument.toString().contains('\n')) {
            error('shipmark: an argument cannot hold a line break')
        }
    }
    return argv.join('\n')
}

// `SHIPMARK_TAG_NAMES=1.4.2 latest` becomes `tagNames: ['1.4.2', 'latest']`.
private Map resultOf(String text) {
    Map names = [
        SHIPMARK_VERSION: 'version', SHIPMARK_CHANNEL: 'channel', SHIPMARK_TAGS: 'tags',
        SHIPMARK_TAG_NAMES: 'tagNames', SHIPMARK_PRIMARY_TAG: 'primaryTag', SHIPMARK_DIGEST: 'digest',
        SHIPMARK_PUSHED: 'pushed', SHIPMARK_LOG_ENTRY: 'logEntry',
    ]
    Map result = [:]
    for (String line : text.split('\n')) {
        int equals = line.indexOf('=')
        String name = equals > 0 ? names[line.substring(0, equals)] : null
        if (name == null) {
            continue
        }
        String value = line.substring(equals + 1)
        if (name == 'tags' || name == 'tagNames') {
            result[name] = value ? new ArrayList(Arrays.asList(value.split(' '))) : []
        } else if (name == 'pushed') {
            result[name] = value == 'true'
        } else {
            result[name] = value
        }
    }
    return result
}

private String meaning(int status) {
    Map meanings = [
        2: 'wrong usage or configuration', 3: 'the git repository does not allow it', 4: 'the build failed',
        5: 'registry, network or authentication', 6: 'refused', 7: 'not finished everywhere: run it again',
        127: 'shipmark is not installed there', 130: 'interrupted', 143: 'terminated',
    ]
    return meanings[status] ?: 'failed'
}
