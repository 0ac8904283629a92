// Runs shipmark in a pipeline and returns what it says of the release. shipmark.txt is the help.
//
// Values travel in the environment and never inside a script: a branch's name cannot become a command. Nothing is read
// from stdout: the exit code and a KEY=VALUE file say everything, and they survive Jenkins' sandbox and its restarts.

def call(Map options = [:]) {
    Map given = [command: 'preview', images: [], config: '', directory: '', venv: '', args: [], failOnError: true]
    for (String name : options.keySet()) {
        if (!given.containsKey(name)) {
            error("shipmark: no option `${name}`; there are ${given.keySet().join(', ')}")
        }
    }
    given.putAll(options)
    String venv = given.venv ?: env.SHIPMARK_VENV
    if (!venv) {
        error('shipmark: where is it installed? Set `venv: \'/opt/shipmark\'` or the variable SHIPMARK_VENV')
    }
    String resultFile = pwd(tmp: true) + '/shipmark-result.env'

    int status = 1
    withEnv([
        "SHIPMARK_VENV=${venv}",
        "SHIPMARK_ARGUMENTS=${commandLine(given, resultFile)}",
        "SHIPMARK_RESULT=${resultFile}",
    ]) {
        status = sh(returnStatus: true, label: "shipmark ${given.command}", script: '''#!/bin/sh
            set -eu
            rm -f -- "$SHIPMARK_RESULT"
            set --
            while IFS= read -r argument; do
                set -- "$@" "$argument"
            done <<END_OF_ARGUMENTS
$SHIPMARK_ARGUMENTS
END_OF_ARGUMENTS
            exec "$SHIPMARK_VENV/bin/python" -I "$SHIPMARK_VENV/bin/shipmark" "$@"
        ''')
    }

    Map result = fileExists(resultFile) ? resultOf(readFile(file: resultFile, encoding: 'UTF-8')) : [:]
    result.exitCode = status
    if (status != 0 && given.failOnError) {
        error("shipmark ${given.command}: ${meaning(status)} (exit code ${status})")
    }
    return result
}

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
    for (Object image : given.images) {
        argv.add('--image=' + image)
    }
    argv.addAll(['--result-file', resultFile])
    argv.addAll(given.args)
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
