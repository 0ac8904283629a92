// Command buildkit-parser answers how BuildKit's own packages read Dockerfiles and words.
//
// It reads one JSON object a line and writes one JSON object a line, in the same order. `{"dockerfile": TEXT}` is
// answered with the stages and their instructions, or with `{"error": TEXT}`. `{"word": TEXT, "env": {…}}` is
// answered with the text after expansion; `words` and `body` choose the two other ways in which BuildKit expands.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

type question struct {
	Dockerfile *string           `json:"dockerfile"`
	Word       *string           `json:"word"`
	Env        map[string]string `json:"env"`
	Escape     string            `json:"escape"`
	How        string            `json:"how"`
}

type object = map[string]any

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 16<<20)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for in.Scan() {
		var asked question
		if err := json.Unmarshal(in.Bytes(), &asked); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		if err := out.Encode(answer(asked)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func answer(asked question) (found object) {
	// A file that makes BuildKit's parser panic fails the build, as one does that it refuses.
	defer func() {
		if reason := recover(); reason != nil {
			found = object{"error": fmt.Sprint(reason)}
		}
	}()
	var err error
	if asked.Dockerfile != nil {
		found, err = dockerfile(*asked.Dockerfile)
	} else {
		found, err = word(asked)
	}
	if err != nil {
		return object{"error": err.Error()}
	}
	return found
}

func word(asked question) (object, error) {
	env := []string{}
	for name, value := range asked.Env {
		env = append(env, name+"="+value)
	}
	escape := '\\'
	if asked.Escape != "" {
		escape = rune(asked.Escape[0])
	}
	lex := shell.NewLex(escape)
	if asked.How == "words" {
		words, err := lex.ProcessWords(*asked.Word, shell.EnvsFromSlice(env))
		if words == nil {
			words = []string{}
		}
		return object{"words": words}, err
	}
	lex.SkipProcessQuotes = asked.How == "body"
	text, _, err := lex.ProcessWord(*asked.Word, shell.EnvsFromSlice(env))
	return object{"text": text}, err
}

func dockerfile(text string) (object, error) {
	if len(text) == 0 {
		return nil, fmt.Errorf("the Dockerfile cannot be empty")
	}
	read, err := parser.Parse(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	stages, arguments, err := instructions.Parse(read.AST, nil)
	if err != nil {
		return nil, err
	}
	if len(stages) == 0 {
		return nil, fmt.Errorf("dockerfile contains no stages to build")
	}
	syntax, _, _, _ := parser.DetectSyntax([]byte(text))
	found := object{"escape": string(read.EscapeToken), "syntax": syntax}
	before := []object{}
	for i := range arguments {
		before = append(before, arg(&arguments[i]))
	}
	found["arguments"] = before
	all := []object{}
	for _, stage := range stages {
		inner := []object{}
		for _, each := range stage.Commands {
			said, err := instruction(each)
			if err != nil {
				return nil, err
			}
			inner = append(inner, said)
		}
		all = append(all, object{
			"lines": lines(stage.Location), "image": stage.BaseName, "name": stage.Name,
			"platform": stage.Platform, "instructions": inner,
		})
	}
	found["stages"] = all
	return found, nil
}

func lines(where []parser.Range) []int {
	first, last := where[0].Start.Line, where[0].Start.Line
	for _, each := range where {
		last = max(last, each.End.Line)
	}
	return []int{first, last}
}

func arg(each *instructions.ArgCommand) object {
	pairs := [][]any{}
	for _, pair := range each.Args {
		if pair.Value == nil {
			pairs = append(pairs, []any{pair.Key, nil})
		} else {
			pairs = append(pairs, []any{pair.Key, *pair.Value})
		}
	}
	return object{"is": "ARG", "lines": lines(each.Location()), "pairs": pairs}
}

func pairs(all instructions.KeyValuePairs) [][]string {
	found := [][]string{}
	for _, each := range all {
		found = append(found, []string{each.Key, each.Value})
	}
	return found
}

func list(words []string) []string {
	return append([]string{}, words...)
}

func truth(value *bool) any {
	if value == nil {
		return nil
	}
	return *value
}

func contents(all []instructions.SourceContent) []object {
	found := []object{}
	for _, each := range all {
		found = append(found, object{"name": each.Path, "body": each.Data, "expand": each.Expand})
	}
	return found
}

func command(line instructions.ShellDependantCmdLine) object {
	return object{"words": list(line.CmdLine), "shell": line.PrependShell}
}

func instruction(each instructions.Command) (object, error) {
	said, err := operands(each)
	if err != nil {
		return nil, err
	}
	said["is"] = strings.ToUpper(each.Name())
	said["lines"] = lines(each.Location())
	return said, nil
}

func operands(each instructions.Command) (object, error) {
	switch c := each.(type) {
	case *instructions.ArgCommand:
		return arg(c), nil
	case *instructions.EnvCommand:
		return object{"pairs": pairs(c.Env)}, nil
	case *instructions.LabelCommand:
		return object{"pairs": pairs(c.Labels)}, nil
	case *instructions.CopyCommand:
		return object{
			"sources": list(c.SourcePaths), "contents": contents(c.SourceContents), "destination": c.DestPath,
			"from": c.From, "chown": c.Chown, "chmod": c.Chmod, "link": c.Link, "parents": c.Parents,
			"exclude": list(c.ExcludePatterns),
		}, nil
	case *instructions.AddCommand:
		return object{
			"sources": list(c.SourcePaths), "contents": contents(c.SourceContents), "destination": c.DestPath,
			"chown": c.Chown, "chmod": c.Chmod, "link": c.Link, "keep-git-dir": truth(c.KeepGitDir),
			"checksum": c.Checksum, "exclude": list(c.ExcludePatterns), "unpack": truth(c.Unpack),
		}, nil
	case *instructions.RunCommand:
		return run(c)
	case *instructions.CmdCommand:
		return command(c.ShellDependantCmdLine), nil
	case *instructions.EntrypointCommand:
		return command(c.ShellDependantCmdLine), nil
	case *instructions.ShellCommand:
		return object{"words": list(c.Shell)}, nil
	case *instructions.HealthCheckCommand:
		h := c.Health
		return object{
			"test": list(h.Test), "retries": h.Retries, "times": []int64{
				int64(h.Interval), int64(h.Timeout), int64(h.StartPeriod), int64(h.StartInterval),
			},
		}, nil
	case *instructions.WorkdirCommand:
		return object{"text": c.Path}, nil
	case *instructions.UserCommand:
		return object{"text": c.User}, nil
	case *instructions.StopSignalCommand:
		return object{"text": c.Signal}, nil
	case *instructions.MaintainerCommand:
		return object{"text": c.Maintainer}, nil
	case *instructions.ExposeCommand:
		return object{"words": list(c.Ports)}, nil
	case *instructions.VolumeCommand:
		return object{"words": list(c.Volumes)}, nil
	case *instructions.OnbuildCommand:
		return object{}, nil
	}
	return nil, fmt.Errorf("%T is unknown to this program", each)
}

func run(c *instructions.RunCommand) (object, error) {
	// The second half of the check of `--mount` is done when the stage is built, with variables replaced.
	if err := c.Expand(func(word string) (string, error) { return word, nil }); err != nil {
		return nil, err
	}
	said := command(c.ShellDependantCmdLine)
	files := []object{}
	for _, each := range c.Files {
		body := each.Data
		if each.Chomp {
			body = parser.ChompHeredocContent(body)
		}
		files = append(files, object{"name": each.Name, "body": body})
	}
	mounts := []object{}
	for _, each := range instructions.GetMounts(c) {
		mounts = append(mounts, object{
			"type": string(each.Type), "from": each.From, "source": each.Source, "target": each.Target,
			"id": each.CacheID, "read_only": each.ReadOnly,
		})
	}
	devices := []string{}
	for _, each := range instructions.GetDevices(c) {
		devices = append(devices, each.Name)
	}
	said["files"], said["mounts"], said["devices"] = files, mounts, devices
	said["network"], said["security"] = instructions.GetNetwork(c), instructions.GetSecurity(c)
	return said, nil
}
