// Runs one step of a Jenkins shared library: the file `vars/shipmark.groovy` with the pipeline steps that it may use.
// A step that is not here fails as in Jenkins without the plugin. Not here: CPS, the sandbox, serialization.
//
// groovy jenkins.groovy VARS_FILE OPTIONS.json WORKSPACE [OPTIONS.json WORKSPACE ...]: prints one JSON document a pair,
// {result | error, said, steps}. The option `method` names another method than `call`: `shipmark.rollback(...)`.
import groovy.json.JsonOutput
import groovy.json.JsonSlurper
import org.codehaus.groovy.control.CompilerConfiguration

class Failed extends RuntimeException {
    Failed(String message) { super(message) }
}

abstract class Steps extends Script {
    List overlay = []

    File folder() { new File(binding.getVariable('workspace') as String) }

    void note(String step) { (binding.getVariable('steps') as List).add(step) }

    def withEnv(List settings, Closure body) {
        note('withEnv')
        overlay.addAll(settings)
        try {
            return body.call()
        } finally {
            settings.size().times { overlay.remove(overlay.size() - 1) }
        }
    }

    def sh(Map options) {
        note('sh')
        assert options.returnStatus && !options.returnStdout
        String script = options.script
        File file = File.createTempFile('step', '.sh', new File(pwd(tmp: true) as String))
        file.text = script
        // As durable-task does: a script with a shebang line is executed as it is, another one by `sh -xe`.
        List command = script.startsWith('#!') ? [script.readLines()[0].substring(2), file.path] : ['sh', '-xe', file.path]
        ProcessBuilder builder = new ProcessBuilder(command.collect { it.toString() })
        builder.directory(folder()).redirectErrorStream(true)
        for (setting in overlay) {
            String text = setting.toString()
            builder.environment().put(text.substring(0, text.indexOf('=')), text.substring(text.indexOf('=') + 1))
        }
        Process process = builder.start()
        (binding.getVariable('said') as List).add(process.inputStream.text)
        file.delete()
        return process.waitFor()
    }

    def pwd(Map options = [:]) {
        File wanted = options.tmp ? new File(folder().path + '@tmp') : folder()
        wanted.mkdirs()
        return wanted.path
    }

    boolean fileExists(String path) { note('fileExists'); return new File(path).exists() }

    String readFile(Map options) { note('readFile'); return new File(options.file as String).getText(options.encoding as String) }

    def error(String message) { throw new Failed(message) }
}

Map environment = System.getenv().findAll { it.key in ['SHIPMARK_VENV', 'SHIPMARK_CONTAINER', 'WORKSPACE'] }
def configuration = new CompilerConfiguration(scriptBaseClass: Steps.name)
for (List pair : args.drop(1).toList().collate(2)) {
    def said = []
    def steps = []
    def binding = new Binding([workspace: pair[1], said: said, steps: steps, env: environment])
    def step = new GroovyShell(this.class.classLoader, binding, configuration).parse(new File(args[0]))
    Map answer = [:]
    try {
        Map options = new JsonSlurper().parse(new File(pair[0])) as Map
        String method = options.remove('method') ?: 'call'
        answer.result = step.invokeMethod(method, [options] as Object[])
    } catch (Failed failed) {
        answer.error = failed.message
    }
    println(JsonOutput.toJson(answer + [said: said.join(''), steps: steps.unique()]))
}
