package main

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"go.yaml.in/yaml/v3"

	"resoagent/internal/harness"
)

// manifest is what the tests look at of a Kubernetes object.
type manifest struct {
	Kind     string
	Metadata struct{ Name string }
	Spec     struct {
		Replicas                 int
		PodManagementPolicy      string `yaml:"podManagementPolicy"`
		PublishNotReadyAddresses bool   `yaml:"publishNotReadyAddresses"`
		Strategy                 struct{ Type string }
		Selector                 any
		PodSelector              struct{ MatchLabels map[string]string } `yaml:"podSelector"`
		Template                 struct {
			Metadata struct{ Labels map[string]string }
			Spec     podSpec
		}
		VolumeClaimTemplates []struct{ Metadata struct{ Name string } } `yaml:"volumeClaimTemplates"`
	}
	StringData map[string]string `yaml:"stringData"`
}

type podSpec struct {
	AutomountServiceAccountToken *bool `yaml:"automountServiceAccountToken"`
	EnableServiceLinks           *bool `yaml:"enableServiceLinks"`
	SecurityContext              struct {
		RunAsNonRoot        bool   `yaml:"runAsNonRoot"`
		RunAsUser           int    `yaml:"runAsUser"`
		FSGroup             int    `yaml:"fsGroup"`
		FSGroupChangePolicy string `yaml:"fsGroupChangePolicy"`
		SeccompProfile      struct{ Type string }
	} `yaml:"securityContext"`
	Containers []container
	Volumes    []struct {
		Name     string
		EmptyDir map[string]any `yaml:"emptyDir"`
		Secret   struct {
			SecretName string `yaml:"secretName"`
			Items      []struct{ Key string }
		}
	}
}

type container struct {
	Args []string
	Env  []struct {
		Name, Value string
		ValueFrom   struct {
			SecretKeyRef struct{ Name, Key string } `yaml:"secretKeyRef"`
		} `yaml:"valueFrom"`
	}
	VolumeMounts []struct {
		Name      string
		MountPath string `yaml:"mountPath"`
		SubPath   string `yaml:"subPath"`
	} `yaml:"volumeMounts"`
	StartupProbe, LivenessProbe, ReadinessProbe probe
	Resources                                   struct{ Limits map[string]string }
	SecurityContext                             struct {
		AllowPrivilegeEscalation *bool `yaml:"allowPrivilegeEscalation"`
		ReadOnlyRootFilesystem   bool  `yaml:"readOnlyRootFilesystem"`
		Capabilities             struct{ Drop []string }
	} `yaml:"securityContext"`
}

type probe struct {
	Exec    struct{ Command []string }
	HTTPGet struct{ Path, Port string } `yaml:"httpGet"`
}

// UnmarshalYAML is for the fields whose names YAML would write otherwise.
func (c *container) UnmarshalYAML(node *yaml.Node) error {
	type plain container
	var probes struct {
		Startup   probe `yaml:"startupProbe"`
		Liveness  probe `yaml:"livenessProbe"`
		Readiness probe `yaml:"readinessProbe"`
	}
	err := errors.Join(node.Decode((*plain)(c)), node.Decode(&probes))
	c.StartupProbe, c.LivenessProbe, c.ReadinessProbe = probes.Startup, probes.Liveness, probes.Readiness
	return err
}

// manifests reads all objects of a file.
func manifests(tb testing.TB, path string) (list []manifest) {
	tb.Helper()
	decoder := yaml.NewDecoder(strings.NewReader(example(tb, path)))
	for {
		var m manifest
		switch err := decoder.Decode(&m); {
		case errors.Is(err, io.EOF):
			return list
		case err != nil:
			tb.Fatalf("%s: %v", path, err)
		}
		list = append(list, m)
	}
}

// The manifests start the program that there is, its probes find it, and it gets
// on with the directories that Kubernetes makes.
func TestKubernetesManifests(t *testing.T) {
	t.Parallel()
	common := manifests(t, "deploy/kubernetes/common.yaml")
	if len(common) != 3 || common[0].Kind != "Secret" || !common[1].Spec.PublishNotReadyAddresses || common[2].Kind != "NetworkPolicy" {
		t.Fatalf("common.yaml: %+v", common)
	}
	for _, kind := range []string{"StatefulSet", "Deployment"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			list := manifests(t, "deploy/kubernetes/"+strings.ToLower(kind)+".yaml")
			if len(list) != 1 || list[0].Kind != kind || list[0].Spec.Replicas != 1 || len(list[0].Spec.Template.Spec.Containers) != 1 {
				t.Fatalf("%+v", list)
			}
			m := list[0]
			for key, value := range common[2].Spec.PodSelector.MatchLabels {
				if m.Spec.Template.Metadata.Labels[key] != value {
					t.Errorf("the NetworkPolicy does not select the pod: %s", key)
				}
			}
			checkPod(t, m, common[0])
			checkContainer(t, m.Spec.Template.Spec.Containers[0])
			runsInPod(t, m.Spec.Template.Spec.Containers[0])
		})
	}
}

func checkPod(t *testing.T, m, secret manifest) {
	pod := m.Spec.Template.Spec
	if pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken || pod.EnableServiceLinks == nil || *pod.EnableServiceLinks {
		t.Error("the pod gets what it has no use for")
	}
	sc := pod.SecurityContext
	if !sc.RunAsNonRoot || sc.RunAsUser != 65532 || sc.FSGroup != 65532 {
		t.Errorf("user: %+v", sc)
	}
	switch m.Kind {
	case "StatefulSet":
		// See TestGroupWritableState.
		if len(m.Spec.VolumeClaimTemplates) != 1 || m.Spec.VolumeClaimTemplates[0].Metadata.Name != "state" || sc.FSGroupChangePolicy != "OnRootMismatch" {
			t.Errorf("volume: %+v, %s", m.Spec.VolumeClaimTemplates, sc.FSGroupChangePolicy)
		}
		if m.Spec.PodManagementPolicy != "Parallel" {
			t.Error("an update would wait for the end of the first backfill")
		}
	case "Deployment":
		if m.Spec.Strategy.Type != "Recreate" {
			t.Errorf("strategy %s", m.Spec.Strategy.Type)
		}
	}
	for _, v := range pod.Volumes {
		for _, item := range v.Secret.Items {
			if secret.StringData[item.Key] == "" {
				t.Errorf("the Secret has no %s", item.Key)
			}
		}
	}
	for _, e := range pod.Containers[0].Env {
		if ref := e.ValueFrom.SecretKeyRef; ref.Key != "" && (ref.Name != secret.Metadata.Name || secret.StringData[ref.Key] == "") {
			t.Errorf("the Secret has no %s", ref.Key)
		}
	}
}

func checkContainer(t *testing.T, c container) {
	sc := c.SecurityContext
	if sc.AllowPrivilegeEscalation == nil || *sc.AllowPrivilegeEscalation || !sc.ReadOnlyRootFilesystem || !slices.Equal(sc.Capabilities.Drop, []string{"ALL"}) {
		t.Errorf("security: %+v", sc)
	}
	if c.Resources.Limits["memory"] != "128Mi" {
		t.Errorf("limits: %v", c.Resources.Limits)
	}
	for _, mount := range c.VolumeMounts {
		if mount.SubPath != "" {
			t.Errorf("%s: a file with subPath is never renewed", mount.Name)
		}
		for _, e := range c.Env {
			if e.Name == "AGENT_STATE_DIR" && mount.Name == "state" && filepath.Dir(e.Value) != mount.MountPath {
				t.Errorf("the state directory %s is not one below the volume's %s", e.Value, mount.MountPath)
			}
		}
	}
}

// runsInPod starts the agent as the container does, on a volume as fsGroup leaves
// it, and asks it as the probes do.
func runsInPod(t *testing.T, c container) {
	s := newSetup(t, harness.Small(), harness.NewPostgres(t))
	volume := t.TempDir()
	groupWritable(t, volume)
	s.dir = filepath.Join(volume, "state")
	var env []string
	for _, e := range c.Env {
		env = append(env, e.Name+"="+e.Value)
	}
	env = s.environmentOf(t, env)
	agent := withEnvironment(t, env, c.Args...)
	// The log is JSON.
	address := ""
	until(t, func() bool {
		_, rest, _ := strings.Cut(agent.output(), "serving http://")
		address, _, _ = strings.Cut(rest, `"`)
		return address != "" && strings.Contains(rest, `"`)
	}, "it does not serve")
	address, _, _ = strings.Cut(address, ";")
	ready := func() bool {
		code, _, _ := get(t, "http://"+address+c.ReadinessProbe.HTTPGet.Path)
		return code == http.StatusOK
	}
	until(t, ready, "never ready")
	for _, p := range []probe{c.StartupProbe, c.LivenessProbe} {
		if len(p.Exec.Command) == 0 || p.Exec.Command[0] != "/agent" {
			t.Fatalf("probe: %+v", p)
		}
		// In a container the state directory is the only thing that it needs to know.
		asked := withEnvironment(t, []string{"AGENT_STATE_DIR=" + s.dir}, p.Exec.Command[1:]...)
		if code := asked.wait(t); code != exitDone {
			t.Errorf("probe: exit %d: %s", code, asked.output())
		}
	}
	agent.signal(t, syscall.SIGTERM)
	if code := agent.wait(t); code != exitDone {
		t.Errorf("exit %d:\n%s", code, agent.output())
	}
	harness.Compare(t, s.source, s.db, harness.AllFeeds())
	info, err := os.Stat(s.dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the state directory: %v, %v", info.Mode(), err)
	}
}

// groupWritable does to a directory what fsGroup does.
func groupWritable(tb testing.TB, dir string) {
	tb.Helper()
	info, err := os.Stat(dir)
	if err != nil {
		tb.Fatal(err)
	}
	if err := os.Chmod(dir, info.Mode().Perm()|0o070|os.ModeSetgid); err != nil {
		tb.Fatal(err)
	}
}

// Why the manifests have a directory below the volume's, and fsGroupChangePolicy:
// what fsGroup does to a directory makes it one that the agent refuses.
func TestGroupWritableState(t *testing.T) {
	t.Parallel()
	s := newSetup(t, harness.Small(), harness.NewSQLite(t))
	volume := t.TempDir()
	groupWritable(t, volume)
	s.dir = volume
	c := start(t, s.args()...)
	if code := c.wait(t); code != exitUsage || !strings.Contains(c.output(), "others can write to the state directory") {
		t.Errorf("the volume itself: exit %d:\n%s", code, c.output())
	}
	s.dir = filepath.Join(volume, "state")
	for range 2 { // the second time it is there already
		c = start(t, s.args()...)
		if code := c.wait(t); code != exitDone {
			t.Errorf("below the volume: exit %d:\n%s", code, c.output())
		}
	}
	groupWritable(t, s.dir) // as a mount without OnRootMismatch does
	c = start(t, s.args()...)
	if code := c.wait(t); code != exitUsage {
		t.Errorf("made writable for the group: exit %d:\n%s", code, c.output())
	}
}
