// Runs a declarative Jenkinsfile as a multibranch job does: stages with `when`, steps, `post`, and a shared library.
// `sh` is real, `checkout` clones with all tags. Not here: CPS, agents, validation of the declarative syntax.
//
// groovy pipeline.groovy JENKINSFILE SETTINGS.json: prints one JSON document {result, error, stages, said, description}.
// Settings: `workspace`; `origin` and `commit` for the checkout; `env`, `params`; `credentials`: id -> file;
// `library`: the folder with `vars/`; `sandbox`: whether `asked` in the answer has what Jenkins' sandbox would be asked for.
import groovy.json.JsonOutput
import groovy.json.JsonSlurper
import org.codehaus.groovy.control.CompilerConfiguration

class Failed extends RuntimeException {
    Failed(String message) { super(message) }
}

class Build {
    static Map settings = [:]
    static List overlay = []
    static StringBuilder said = new StringBuilder()
    static List stages = []
    static Map current = [description: null]
    static GroovyClassLoader loader

    static Map environment() {
        Map all = new LinkedHashMap(System.getenv()) + (settings.env as Map)
        for (setting in overlay) {
            String text = setting.toString()
            int equals = text.indexOf('=')
            all[text.substring(0, equals)] = text.substring(equals + 1)
        }
        return all
    }

    static CompilerConfiguration configuration() {
        def made = new CompilerConfiguration(scriptBaseClass: Steps.name)
        if (settings.sandbox) {
            loader.loadClass('Sandbox').newInstance().watch(made)
        }
        return made
    }

    static int run(List command, File folder) {
        ProcessBuilder builder = new ProcessBuilder(command.collect { it.toString() })
        builder.directory(folder).redirectErrorStream(true)
        builder.environment().clear()
        builder.environment().putAll(environment().collectEntries { key, value -> [key.toString(), value.toString()] })
        Process process = builder.start()
        said.append(process.inputStream.text)
        return process.waitFor()
    }
}

abstract class Steps extends Script {
    File folder() { File it = new File(Build.settings.workspace as String); it.mkdirs(); return it }

    Map getEnv() { Build.environment() }
    Map getParams() { Build.settings.params as Map }
    Map getScm() { [branches: [Build.settings.commit], userRemoteConfigs: [Build.settings.origin], extensions: []] }
    Map getCurrentBuild() { Build.current }

    def library(Map options) {
        assert options.identifier && options.retriever.libraryPath == 'ci/jenkins'
        def configuration = Build.configuration()
        File file = new File(Build.settings.library as String, 'vars/shipmark.groovy')
        binding.setVariable('shipmark', new GroovyShell(Build.loader, binding, configuration).parse(file))
    }

    def modernSCM(Map options) { options }
    def scmGit(Map options) { options }
    def cloneOption(Map options) { options }
    def file(Map options) { options }
    def getAny() { 'any' }
    def getNone() { 'none' }

    def checkout(Object options) {
        List given = options.extensions
        if (options instanceof Map && options.containsKey('userRemoteConfigs') && given) {
            assert given.any { it.noTags == false && it.shallow == false && it.depth == 0 }
        }
        List git = ['git', '-c', 'protocol.file.allow=always', '-c', 'advice.detachedHead=false']
        if (Build.run(git + ['clone', '--quiet', Build.settings.origin, '.'], folder()) != 0 ||
            Build.run(git + ['checkout', '--quiet', '--detach', Build.settings.commit], folder()) != 0) {
            throw new Failed('checkout failed')
        }
    }

    def withEnv(List settings, Closure body) { over(settings, body) }

    def withCredentials(List bindings, Closure body) {
        over(bindings.collect { "${it.variable}=${Build.settings.credentials[it.credentialsId]}".toString() }, body)
    }

    private over(List settings, Closure body) {
        Build.overlay.addAll(settings)
        try {
            return body.call()
        } finally {
            settings.size().times { Build.overlay.remove(Build.overlay.size() - 1) }
        }
    }

    def sh(String script) { sh(script: script) }

    def sh(Map options) {
        String script = options.script
        File file = File.createTempFile('step', '.sh')
        file.text = script
        // As durable-task does: a script with a shebang line is executed as it is, another one by `sh -xe`.
        List command = script.startsWith('#!') ? [script.readLines()[0].substring(2), file.path] : ['sh', '-xe', file.path]
        int before = Build.said.length()
        int status = Build.run(command, folder())
        file.delete()
        if (options.returnStatus) {
            return status
        }
        if (status != 0) {
            throw new Failed("script returned exit code ${status}")
        }
        return options.returnStdout ? Build.said.substring(before) : null
    }

    def pwd(Map options = [:]) {
        File wanted = options.tmp ? new File(folder().path + '@tmp') : folder()
        wanted.mkdirs()
        return wanted.path
    }

    boolean fileExists(String path) { new File(path).exists() }
    String readFile(Map options) { new File(options.file as String).getText(options.encoding as String) }
    def error(String message) { throw new Failed(message) }
    def script(Closure body) { body.call() }
    def pipeline(Closure body) { within(new Declared(own: this), body) }

    def within(Object inner, Closure body) {
        body.delegate = inner
        body.resolveStrategy = Closure.DELEGATE_FIRST
        return body.call()
    }
}

class Declared {
    Steps own
    void agent(Object ignored) { }
    void options(Closure ignored) { }
    void parameters(Closure ignored) { }
    void stages(Closure body) { own.within(this, body) }

    void stage(String name, Closure body) {
        def stage = new Stage(own: own)
        own.within(stage, body)
        if (!stage.met) {
            return
        }
        Build.stages << name
        try {
            stage.steps?.call()
        } finally {
            stage.always?.call()
        }
    }
}

class Stage {
    Steps own
    boolean met = true
    Closure steps, always
    void agent(Object ignored) { }
    void when(Closure body) { met = When.conditions(own, body).every { it } }
    void steps(Closure body) { steps = body }
    void post(Closure body) { own.within(new Post(stage: this), body) }
}

class Post {
    Stage stage
    void always(Closure body) { stage.always = body }
}

class When {
    Steps own
    List found = []
    static List conditions(Steps own, Closure body) { def w = new When(own: own); own.within(w, body); return w.found }
    void not(Closure body) { found << !conditions(own, body).every { it } }
    void anyOf(Closure body) { found << conditions(own, body).any { it } }
    void allOf(Closure body) { found << conditions(own, body).every { it } }
    void buildingTag() { found << (own.env.TAG_NAME as boolean) }
    void changeRequest() { found << (own.env.CHANGE_ID as boolean) }
    void branch(String name) { found << (own.env.BRANCH_NAME == name) }
}

Build.loader = this.class.classLoader
Build.settings = new JsonSlurper().parse(new File(args[1])) as Map
def configuration = Build.configuration()
Map answer = [result: 'SUCCESS', error: null]
try {
    new GroovyShell(this.class.classLoader, new Binding(), configuration).parse(new File(args[0])).run()
} catch (Failed failed) {
    answer = [result: 'FAILURE', error: failed.message]
}
if (Build.settings.sandbox) {
    answer.asked = Build.loader.loadClass('Sandbox').asked
}
println(JsonOutput.toJson(answer + [stages: Build.stages, said: Build.said.toString(), description: Build.current.description]))
