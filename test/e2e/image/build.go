package image

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Build is a run of a Dockerfile.
type Build struct {
	Context string            // folder of the Dockerfile and of what it copies
	Work    string            // folder for what is in the making; emptied first
	Args    map[string]string // in place of the defaults of ARG
	Log     io.Writer         // of the commands that RUN

	stages []stage
}

// Run takes the steps of the Dockerfile of the context, and gives the root folder and the configuration of the stage
// called target, or of the last stage if target is empty.
//
// A stage from scratch is a folder. Any other stage is this machine in place of the image that it names: its commands run
// as root in a copy of the machine's file system that is thrown away, with the machine's Go and its caches, and see of the
// context only what the Dockerfile copies and .dockerignore leaves.
func (b *Build) Run(ctx context.Context, target string) (root string, config Config, err error) {
	if b.stages == nil {
		if err := b.begin(ctx); err != nil {
			return "", Config{}, err
		}
	}
	index := slices.IndexFunc(b.stages, func(s stage) bool { return s.name == target && target != "" })
	if target == "" {
		index = len(b.stages) - 1
	}
	if index < 0 || b.stages[index].from != "scratch" {
		return "", Config{}, fmt.Errorf("image: the Dockerfile has no stage %q from scratch", target)
	}
	return b.assemble(index)
}

// begin reads the Dockerfile and runs all stages that are not from scratch.
func (b *Build) begin(ctx context.Context) error {
	text, err := os.ReadFile(filepath.Join(b.Context, "Dockerfile"))
	if err != nil {
		return err
	}
	stages, err := parse(string(text))
	if err != nil {
		return err
	}
	if err := os.RemoveAll(b.Work); err != nil {
		return err
	}
	if err := b.copyContext(); err != nil {
		return err
	}
	for _, s := range stages {
		if s.from == "scratch" {
			continue
		}
		if !strings.HasPrefix(s.from, "golang:") {
			return fmt.Errorf("image: a stage from %s cannot be built here: only golang images, which this machine's Go stands in for", s.from)
		}
		if err := b.compile(ctx, s, stages); err != nil {
			return fmt.Errorf("image: stage %s: %w", s.name, err)
		}
	}
	b.stages = stages
	return nil
}

func (b *Build) contextFolder() string { return filepath.Join(b.Work, "context") }

// output is the folder of what later stages copy from a stage.
func (b *Build) output(stage string) string { return filepath.Join(b.Work, "from-"+stage) }

// copyContext copies what .dockerignore leaves.
func (b *Build) copyContext() error {
	text, err := os.ReadFile(filepath.Join(b.Context, ".dockerignore"))
	if err != nil {
		return err
	}
	ignored, err := parseIgnore(string(text))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(b.contextFolder(), 0o755); err != nil {
		return err
	}
	return filepath.WalkDir(b.Context, func(file string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(b.Context, file)
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (relative == ".git" || relative == "bin"):
			return filepath.SkipDir
		case !entry.Type().IsRegular() || ignored.ignored(filepath.ToSlash(relative)):
			return nil
		}
		return copyFile(file, filepath.Join(b.contextFolder(), relative))
	})
}

func copyFile(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, info.Mode().Perm())
}

// compile runs a stage's steps in a copy of the machine's file system, and keeps what later stages copy from it.
func (b *Build) compile(ctx context.Context, s stage, stages []stage) error {
	script, err := b.script(s, wanted(stages, s.name))
	if err != nil {
		return err
	}
	caches, err := exec.CommandContext(ctx, "go", "env", "GOMODCACHE", "GOCACHE", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("asking go for its caches: %w", err)
	}
	folders := strings.Fields(string(caches))
	if len(folders) != 3 {
		return fmt.Errorf("go env answered %q", caches)
	}
	cmd := exec.CommandContext(ctx, "unshare", "--mount", "--propagation", "private", "sh", "-ec", script)
	cmd.Dir = b.Work
	cmd.Env = append(os.Environ(),
		"GOPATH=/go", "GOMODCACHE=/go/pkg/mod", "GOCACHE=/root/.cache/go-build", "HOME=/root",
		"PATH="+folders[2]+"/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"MACHINE_GOMODCACHE="+folders[0], "MACHINE_GOCACHE="+folders[1], "MACHINE_GOROOT="+folders[2])
	cmd.Stdout, cmd.Stderr = b.Log, b.Log
	return cmd.Run()
}

// wanted lists what later stages copy from a stage.
func wanted(stages []stage, name string) []string {
	var paths []string
	for _, s := range stages {
		for _, in := range s.steps {
			if in.name == "COPY" && in.flag("from") == name {
				words := strings.Fields(in.rest)
				paths = append(paths, words[:len(words)-1]...)
			}
		}
	}
	return paths
}

// preamble lays a file system in memory over the machine's, so that nothing that the steps write stays.
const preamble = `
work=$PWD
mkdir -p layer root
mount -t tmpfs tmpfs layer
mkdir layer/upper layer/work
mount -t overlay overlay -o lowerdir=/,upperdir=layer/upper,workdir=layer/work root
mkdir -p root/go/pkg/mod root/root/.cache/go-build "root$MACHINE_GOROOT" "$MACHINE_GOMODCACHE" "$MACHINE_GOCACHE"
mount --bind "$MACHINE_GOMODCACHE" root/go/pkg/mod
mount --bind "$MACHINE_GOCACHE" root/root/.cache/go-build
mount --bind "$MACHINE_GOROOT" "root$MACHINE_GOROOT"
mount --rbind /proc root/proc
mount --rbind /dev root/dev
mount --rbind /run root/run
`

// script is a stage's steps for a shell in the folder of the build.
func (b *Build) script(s stage, outputs []string) (string, error) {
	var out strings.Builder
	out.WriteString(preamble)
	folder := "/"
	for _, in := range s.steps {
		switch in.name {
		case "ARG":
			for _, argument := range strings.Fields(in.rest) {
				name, value, _ := strings.Cut(argument, "=")
				fmt.Fprintf(&out, "export %s=%s\n", name, quote(b.argument(name, value)))
			}
		case "ENV":
			fmt.Fprintf(&out, "export %s\n", in.rest)
		case "WORKDIR":
			folder = resolve(folder, in.rest)
			fmt.Fprintf(&out, "mkdir -p root%s\n", quote(folder))
		case "COPY":
			if len(in.flags) > 0 {
				return "", fmt.Errorf("COPY %s is not understood", strings.Join(in.flags, " "))
			}
			copyScript(&out, folder, strings.Fields(in.rest))
		case "RUN":
			fmt.Fprintf(&out, "chroot root sh -ec %s\n", quote("cd "+folder+"\n"+in.rest))
		default:
			return "", fmt.Errorf("%s is not understood in a stage that builds", in.name)
		}
	}
	for _, output := range outputs {
		fmt.Fprintf(&out, "mkdir -p %[1]s%[2]s; cp -rL root%[3]s %[1]s%[2]s/\n", quote(b.output(s.name)), quote(path.Dir(output)), quote(output))
	}
	return out.String(), nil
}

// copyScript is COPY from the context: folders give what is in them, files go into a folder or get its last word as name.
func copyScript(out *strings.Builder, folder string, words []string) {
	target := words[len(words)-1]
	into := strings.HasSuffix(target, "/") || len(words) > 2
	to := "root" + quote(resolve(folder, target))
	for _, source := range words[:len(words)-1] {
		from := quote(path.Join("context", source))
		if into {
			fmt.Fprintf(out, "mkdir -p %[2]s; if [ -d %[1]s ]; then cp -r %[1]s/. %[2]s; else cp %[1]s %[2]s/; fi\n", from, to)
		} else {
			fmt.Fprintf(out, "mkdir -p \"$(dirname %[2]s)\"; if [ -d %[1]s ]; then mkdir -p %[2]s; cp -r %[1]s/. %[2]s; else cp %[1]s %[2]s; fi\n", from, to)
		}
	}
}

func resolve(folder, target string) string {
	if path.IsAbs(target) {
		return path.Clean(target)
	}
	return path.Join(folder, target)
}

// argument is the value of an ARG: given, known by itself, or its default.
func (b *Build) argument(name, byDefault string) string {
	if value, given := b.Args[name]; given {
		return value
	}
	switch name {
	case "TARGETOS":
		return "linux"
	case "TARGETARCH":
		return runtime.GOARCH
	}
	return byDefault
}

// quote is a word for a shell.
func quote(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// assemble makes the folder and the configuration of a stage from scratch.
func (b *Build) assemble(index int) (root string, config Config, err error) {
	s := b.stages[index]
	root = filepath.Join(b.Work, fmt.Sprintf("stage-%d", index))
	config = Config{Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return "", Config{}, err
	}
	for _, in := range s.steps {
		if err := b.configure(in, root, &config); err != nil {
			return "", Config{}, err
		}
	}
	return root, config, nil
}

// configure takes one step of a stage from scratch.
func (b *Build) configure(in instruction, root string, config *Config) (err error) {
	switch in.name {
	case "COPY":
		return b.copyInto(in, root)
	case "USER":
		config.User = in.rest
	case "WORKDIR":
		config.WorkingDir = in.rest
	case "ENV":
		config.Env = append(config.Env, in.rest)
	case "EXPOSE":
		config.expose(strings.Fields(in.rest))
	case "ENTRYPOINT":
		config.Entrypoint, err = in.list()
	case "CMD":
		config.Cmd, err = in.list()
	case "LABEL", "ARG":
	default:
		return fmt.Errorf("image: %s is not understood in a stage from scratch", in.name)
	}
	return err
}

// expose adds ports, such as 80 or 53/udp.
func (c *Config) expose(ports []string) {
	if c.ExposedPorts == nil {
		c.ExposedPorts = map[string]struct{}{}
	}
	for _, port := range ports {
		if !strings.Contains(port, "/") {
			port += "/tcp"
		}
		c.ExposedPorts[port] = struct{}{}
	}
}

// copyInto is COPY --from=stage of one file.
func (b *Build) copyInto(in instruction, root string) error {
	words := strings.Fields(in.rest)
	from := in.flag("from")
	if from == "" || len(in.flags) != 1 || len(words) != 2 {
		return fmt.Errorf("image: COPY %s %s is not understood in a stage from scratch: only one file of another stage is", strings.Join(in.flags, " "), in.rest)
	}
	target := resolve("/", words[1])
	if strings.HasSuffix(words[1], "/") {
		target = path.Join(target, path.Base(words[0]))
	}
	return copyFile(filepath.Join(b.output(from), words[0]), filepath.Join(root, target))
}
