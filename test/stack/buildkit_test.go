package stack_test

import (
	"context"
	"strings"
	"testing"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// A goImage stands for the image of the registry, of which only the environment counts here.
type goImage struct{ asked []string }

func (g *goImage) ResolveImageConfig(_ context.Context, ref string, opt sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	g.asked = append(g.asked, ref+" for "+platformName(opt.Platform))
	config := []byte(`{"os":"linux","architecture":"amd64","config":{"Env":["PATH=/usr/local/go/bin:/bin"]},"rootfs":{"type":"layers","diff_ids":["` + string(digest.FromString("layer")) + `"]}}`)
	return ref, digest.FromBytes(config), config, nil
}

func platformName(p *ocispecs.Platform) string {
	if p == nil {
		return "none"
	}
	return strings.TrimSuffix(p.OS+"/"+p.Architecture+"/"+p.Variant, "/")
}

// BuildKit, as `make image` calls it, compiles for every platform on the processor that it runs on, and has nothing to say against the Dockerfile.
func TestBuildKit(t *testing.T) {
	here := ocispecs.Platform{OS: "linux", Architecture: "amd64"}
	for _, tt := range []struct {
		platform ocispecs.Platform
		want     string // in the command that compiles
	}{
		{here, "GOARCH=amd64 GOARM="},
		{ocispecs.Platform{OS: "linux", Architecture: "arm64"}, "GOARCH=arm64 GOARM="},
		{ocispecs.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}, "GOARCH=arm GOARM=7"},
	} {
		t.Run(platformName(&tt.platform), func(t *testing.T) {
			registry := &goImage{}
			warn := func(rule, _, _, message string, _ []parser.Range) { t.Errorf("%s: %s", rule, message) }
			state, image, _, _, err := dockerfile2llb.Dockerfile2LLB(t.Context(), []byte(read(t, "docker/Dockerfile")), dockerfile2llb.ConvertOpt{
				Config: dockerui.Config{
					BuildPlatforms: []ocispecs.Platform{here},
					BuildArgs:      map[string]string{"VERSION": "v1.2.3"},
				},
				TargetPlatform: &tt.platform,
				MetaResolver:   registry,
				Warn:           warn,
			})
			if err != nil {
				t.Fatal(err)
			}
			if len(registry.asked) != 1 || !strings.Contains(registry.asked[0], "golang:1.") || !strings.HasSuffix(registry.asked[0], " for linux/amd64") {
				t.Errorf("builds in %q", registry.asked)
			}
			if got := platformName(&image.Platform); got != platformName(&tt.platform) {
				t.Errorf("the image is for %s", got)
			}
			if h := image.Config.Healthcheck; h == nil || strings.Join(h.Test, " ") != "CMD /gonetmon healthcheck" || strings.Join(image.Config.Entrypoint, " ") != "/gonetmon" {
				t.Errorf("health check %+v, entry point %q", h, image.Config.Entrypoint)
			}
			if v := image.Config.Labels["org.opencontainers.image.version"]; v != "v1.2.3" {
				t.Errorf("label version %q", v)
			}
			var compiled bool
			for _, op := range operations(t, state) {
				command := strings.Join(op.GetExec().GetMeta().GetArgs(), " ")
				if !strings.Contains(command, "go build") {
					continue
				}
				compiled = true
				// The shell fills in what the environment has.
				for _, pair := range op.GetExec().Meta.Env {
					name, value, _ := strings.Cut(pair, "=")
					if name == "TARGETVARIANT" {
						command = strings.ReplaceAll(command, "${TARGETVARIANT#v}", strings.TrimPrefix(value, "v"))
					}
					command = strings.ReplaceAll(command, "$"+name+" ", value+" ")
				}
				command = strings.ReplaceAll(command, "${TARGETVARIANT#v}", "")
				if !strings.Contains(command, tt.want+" ") || !strings.Contains(command, "CGO_ENABLED=0") {
					t.Errorf("compiles by %s", command)
				}
				if p := op.GetPlatform(); p.GetArchitecture() != "amd64" {
					t.Errorf("compiles on %s", p)
				}
			}
			if !compiled {
				t.Error("compiles nothing")
			}
		})
	}
}

// operations lists what BuildKit would do.
func operations(t *testing.T, state *llb.State) (all []*pb.Op) {
	t.Helper()
	definition, err := state.Marshal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range definition.Def {
		op := new(pb.Op)
		if err := op.Unmarshal(b); err != nil {
			t.Fatal(err)
		}
		all = append(all, op)
	}
	return all
}
