import groovy.lang.GroovyObject
import java.lang.reflect.Method
import org.codehaus.groovy.control.CompilerConfiguration
import org.codehaus.groovy.runtime.DefaultGroovyMethods
import org.codehaus.groovy.runtime.StringGroovyMethods
import org.kohsuke.groovy.sandbox.GroovyInterceptor
import org.kohsuke.groovy.sandbox.SandboxTransformer

// Notes what Jenkins' sandbox would be asked for: each call, constructor and property of scripts that are compiled with
// the sandbox's own transformer. A call is noted as the declarations that fit it, in the words of the plugin
// script-security: the sandbox permits a call if its list has one of them. Members of scripts and closures are not noted.
class Sandbox extends GroovyInterceptor {
    static Set asked = new LinkedHashSet()

    void watch(CompilerConfiguration configuration) {
        configuration.addCompilationCustomizers(new SandboxTransformer())
        register()
    }

    Object onMethodCall(GroovyInterceptor.Invoker invoker, Object receiver, String method, Object... args) {
        if (!(receiver instanceof GroovyObject)) {
            note(receiver, method, args, methods(receiver, method, args) + extensions(receiver, method, args))
        }
        return super.onMethodCall(invoker, receiver, method, args)
    }

    Object onStaticCall(GroovyInterceptor.Invoker invoker, Class receiver, String method, Object... args) {
        if (!GroovyObject.isAssignableFrom(receiver)) {
            note(receiver, method, args, declared(receiver, method, args).collect { 'staticMethod ' + words(it) })
        }
        return super.onStaticCall(invoker, receiver, method, args)
    }

    Object onNewInstance(GroovyInterceptor.Invoker invoker, Class receiver, Object... args) {
        if (!GroovyObject.isAssignableFrom(receiver)) {
            asked << receiver.constructors.findAll { fits(it.parameterTypes, args) }.collect {
                (['new', receiver.name] + it.parameterTypes*.canonicalName).join(' ')
            }
        }
        return super.onNewInstance(invoker, receiver, args)
    }

    Object onGetProperty(GroovyInterceptor.Invoker invoker, Object receiver, String property) {
        noteProperty(receiver, property)
        return super.onGetProperty(invoker, receiver, property)
    }

    Object onSetProperty(GroovyInterceptor.Invoker invoker, Object receiver, String property, Object value) {
        noteProperty(receiver, property)
        return super.onSetProperty(invoker, receiver, property, value)
    }

    Object onGetArray(GroovyInterceptor.Invoker invoker, Object receiver, Object index) {
        note(receiver, 'getAt', [index], extensions(receiver, 'getAt', index))
        return super.onGetArray(invoker, receiver, index)
    }

    Object onSetArray(GroovyInterceptor.Invoker invoker, Object receiver, Object index, Object value) {
        note(receiver, 'putAt', [index, value], extensions(receiver, 'putAt', index, value))
        return super.onSetArray(invoker, receiver, index, value)
    }

    private static void note(Object receiver, String method, Object args, List declarations) {
        String name = "unclassified ${receiver.getClass().name} ${method} ${args*.getClass()*.name.join(' ')}"
        // Arithmetic of numbers, which Groovy implements without methods, needs no permission.
        if (declarations || !(receiver instanceof Number)) {
            asked << (declarations ? declarations.unique() : [name])
        }
    }

    // A property of a map is its entry.
    private static void noteProperty(Object receiver, String property) {
        if (!(receiver instanceof GroovyObject) && !(receiver instanceof Map)) {
            asked << ["property ${receiver.getClass().name} ${property}".toString()]
        }
    }

    private static List methods(Object receiver, String method, Object... args) {
        return types(receiver.getClass()).collectMany { declared(it, method, args) }.collect { 'method ' + words(it) }
    }

    private static List extensions(Object receiver, String method, Object... args) {
        return [DefaultGroovyMethods, StringGroovyMethods].collectMany { declared(it, method, [receiver, *args] as Object[]) }
            .collect { 'staticMethod ' + words(it) }
    }

    private static List declared(Class type, String method, Object... args) {
        return type.declaredMethods.findAll { it.name == method && fits(it.parameterTypes, args) }.toList()
    }

    private static Set types(Class type) {
        Set found = new LinkedHashSet()
        for (Class one = type; one != null; one = one.superclass) {
            found << one
            one.interfaces.each { found.addAll(types(it)) }
        }
        return found
    }

    private static boolean fits(Class[] wanted, Object... args) {
        int fixed = wanted.length
        if (fixed > 0 && wanted[-1].isArray() && (args.length != fixed || !wanted[-1].isInstance(args[-1]))) {
            fixed -= 1  // arguments in variable number
        } else if (fixed != args.length) {
            return false
        }
        return args.length >= fixed && (0..<fixed).every { at ->
            args[at] == null || boxed(wanted[at]).isInstance(args[at]) || (wanted[at] == String && args[at] instanceof GString)
        }
    }

    private static Class boxed(Class type) { [(int): Integer, (boolean): Boolean, (long): Long, (char): Character][type] ?: type }

    private static String words(Method method) {
        return ([method.declaringClass.name, method.name] + method.parameterTypes*.canonicalName).join(' ')
    }
}
