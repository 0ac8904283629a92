// Command buildkit-conversion answers whether BuildKit's conversion takes a Dockerfile, before anything is built.
//
// It reads one JSON object a line, `{"dockerfile": TEXT, "target": NAME, "platform": P, "args": {…}}`, and writes one
// JSON object a line, in the same order: `{"error": TEXT}`, or the configuration of the image. Every base image exists,
// with a shell's PATH and no ONBUILD triggers; no registry is asked.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

type question struct {
	Dockerfile string            `json:"dockerfile"`
	Target     string            `json:"target"`
	Platform   string            `json:"platform"`
	Args       map[string]string `json:"args"`
}

type object = map[string]any

// resolver answers for every image with one config.
type resolver struct{}

func (resolver) ResolveImageConfig(
	_ context.Context, name string, opt sourceresolver.Opt,
) (string, digest.Digest, []byte, error) {
	platform := ocispecs.Platform{OS: "linux", Architecture: "amd64"}
	if opt.ImageOpt != nil && opt.ImageOpt.Platform != nil {
		platform = *opt.ImageOpt.Platform
	}
	config, err := json.Marshal(ocispecs.Image{
		Platform: platform,
		Config:   ocispecs.ImageConfig{Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}},
		RootFS:   ocispecs.RootFS{Type: "layers"},
	})
	return name, digest.FromBytes(config), config, err
}

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
	// A file that makes the conversion panic fails the build, as one does that it refuses.
	defer func() {
		if reason := recover(); reason != nil {
			found = object{"error": fmt.Sprint(reason)}
		}
	}()
	platform, err := platforms.Parse(asked.Platform)
	if err != nil {
		return object{"error": err.Error()}
	}
	caps := pb.Caps.CapSet(pb.Caps.All())
	converted, err := dockerfile2llb.Dockerfile2LLB(context.Background(), []byte(asked.Dockerfile), dockerfile2llb.ConvertOpt{
		Config: dockerui.Config{
			BuildArgs:      asked.Args,
			Target:         asked.Target,
			BuildPlatforms: []ocispecs.Platform{{OS: "linux", Architecture: "amd64"}},
		},
		MetaResolver:   resolver{},
		LLBCaps:        &caps,
		TargetPlatform: &platform,
	})
	if err != nil {
		return object{"error": err.Error()}
	}
	return object{"config": converted.Image.Config}
}
