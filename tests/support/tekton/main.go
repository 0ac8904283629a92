// Reads Tekton's YAML documents from standard input, and prints what Tekton's admission webhook would refuse: unknown
// fields, and what its own validation finds after its defaults. Kinds of other API groups are printed as skipped.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	v1 "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubernetes "k8s.io/apimachinery/pkg/util/yaml"
	"knative.dev/pkg/apis"
	"sigs.k8s.io/yaml"
)

type resource interface {
	metav1.Object
	SetDefaults(context.Context)
	Validate(context.Context) *apis.FieldError
}

var kinds = map[string]func() resource{
	"tekton.dev/v1 Task":        func() resource { return &v1.Task{} },
	"tekton.dev/v1 Pipeline":    func() resource { return &v1.Pipeline{} },
	"tekton.dev/v1 PipelineRun": func() resource { return &v1.PipelineRun{} },
	"tekton.dev/v1 TaskRun":     func() resource { return &v1.TaskRun{} },
}

func main() {
	refused := false
	reader := kubernetes.NewYAMLReader(bufio.NewReader(os.Stdin))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		kind, answer := "", err
		if err == nil {
			kind, answer = check(document)
		}
		switch {
		case answer != nil:
			refused = true
			fmt.Printf("%s: refused: %v\n", kind, answer)
		case kinds[kind] == nil:
			fmt.Printf("%s: skipped\n", kind)
		default:
			fmt.Printf("%s: accepted\n", kind)
		}
		if err != nil {
			break
		}
	}
	if refused {
		os.Exit(1)
	}
}

func check(document []byte) (string, error) {
	var head struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := yaml.Unmarshal(document, &head); err != nil {
		return "", err
	}
	kind := head.APIVersion + " " + head.Kind
	if kinds[kind] == nil {
		return kind, nil
	}
	made := kinds[kind]()
	if err := yaml.UnmarshalStrict(document, made); err != nil {
		return kind, err
	}
	if made.GetName() == "" && made.GetGenerateName() != "" {
		// As the API server does before it asks the webhook.
		made.SetName(made.GetGenerateName() + "x7k2p")
	}
	ctx := apis.WithinCreate(context.Background())
	made.SetDefaults(ctx)
	// A nil *FieldError in an error would not be nil.
	if found := made.Validate(ctx); found != nil {
		return kind, found
	}
	return kind, nil
}
