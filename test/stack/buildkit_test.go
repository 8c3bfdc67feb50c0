package stack_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// A goImage stands for the Go image of the registry.
type goImage struct{ requested []string }

func (g *goImage) ResolveImageConfig(_ context.Context, ref string, opt sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	g.requested = append(g.requested, ref+" "+opt.Platform.OS+"/"+opt.Platform.Architecture)
	config := []byte(`{"os":"linux","architecture":"amd64","config":{"Env":["PATH=/usr/local/go/bin:/bin"]},"rootfs":{"type":"layers","diff_ids":["` + string(digest.FromString("layer")) + `"]}}`)
	return ref, digest.FromBytes(config), config, nil
}

// With BuildKit, as `make image` uses it, this machine's processor cross-compiles for every platform. BuildKit has no warnings.
func TestBuildKit_CrossCompiles(t *testing.T) {
	here := ocispecs.Platform{OS: "linux", Architecture: "amd64"}
	for _, target := range []ocispecs.Platform{here, {OS: "linux", Architecture: "arm64"}, {OS: "linux", Architecture: "arm", Variant: "v7"}} {
		registry := &goImage{}
		state, image, _, _, err := dockerfile2llb.Dockerfile2LLB(t.Context(), []byte(read(t, "docker/Dockerfile")), dockerfile2llb.ConvertOpt{
			Config:         dockerui.Config{BuildPlatforms: []ocispecs.Platform{here}, BuildArgs: map[string]string{"VERSION": "v1.2.3"}},
			TargetPlatform: &target,
			MetaResolver:   registry,
			Warn:           func(rule, _, _, message string, _ []parser.Range) { t.Errorf("%s: %s", rule, message) },
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(registry.requested) != 1 || !strings.Contains(registry.requested[0], "golang:1.") || !strings.HasSuffix(registry.requested[0], " linux/amd64") {
			t.Errorf("%s: builds in %q", target.Architecture, registry.requested)
		}
		if image.Architecture != target.Architecture || image.Config.Labels["org.opencontainers.image.version"] != "v1.2.3" {
			t.Errorf("%s: the image is for %s and has the labels %v", target.Architecture, image.Architecture, image.Config.Labels)
		}
		if h := image.Config.Healthcheck; h == nil || strings.Join(h.Test, " ") != "CMD /gonetmon healthcheck" || strings.Join(image.Config.Entrypoint, " ") != "/gonetmon" {
			t.Errorf("%s: health check %+v, entry point %q", target.Architecture, h, image.Config.Entrypoint)
		}
		definition, err := state.Marshal(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		compiles := slices.ContainsFunc(definition.Def, func(b []byte) bool {
			op := new(pb.Op)
			if err := op.Unmarshal(b); err != nil {
				t.Fatal(err)
			}
			meta := op.GetExec().GetMeta()
			return strings.Contains(strings.Join(meta.GetArgs(), " "), "GOARCH=$TARGETARCH GOARM=${TARGETVARIANT#v}") &&
				slices.Contains(meta.GetEnv(), "TARGETARCH="+target.Architecture) && slices.Contains(meta.GetEnv(), "VERSION=v1.2.3") &&
				(target.Variant == "" || slices.Contains(meta.GetEnv(), "TARGETVARIANT="+target.Variant)) && op.GetPlatform().GetArchitecture() == "amd64"
		})
		if !compiles {
			t.Errorf("%s: does not compile for it on amd64", target.Architecture)
		}
	}
}
