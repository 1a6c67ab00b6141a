package rollout_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"

	"github.com/certwright/certwright/internal/rollout"
)

func volume(secret string) corev1.Volume {
	return corev1.Volume{Name: secret, VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: secret}}}
}

func projected(sources ...corev1.VolumeProjection) corev1.Volume {
	return corev1.Volume{VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: sources}}}
}

func projection(secret string) corev1.VolumeProjection {
	return corev1.VolumeProjection{Secret: &corev1.SecretProjection{LocalObjectReference: corev1.LocalObjectReference{Name: secret}}}
}

func env(secret string) corev1.EnvVar {
	return corev1.EnvVar{Name: "KEY", ValueFrom: &corev1.EnvVarSource{
		SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: secret}, Key: "tls.key"},
	}}
}

func envFrom(secret string) corev1.EnvFromSource {
	return corev1.EnvFromSource{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: secret}}}
}

func TestUses(t *testing.T) {
	yes := true
	optional := volume("optional")
	optional.Secret.Optional = &yes
	many := corev1.PodSpec{}
	var first []string
	for i := range rollout.MaxSecrets + 1 {
		many.Volumes = append([]corev1.Volume{volume(fmt.Sprintf("s%03d", i))}, many.Volumes...)
		first = append(first, fmt.Sprintf("s%03d", i))
	}
	for name, test := range map[string]struct {
		pod  corev1.PodSpec
		want []string
	}{
		"nothing":                      {corev1.PodSpec{}, nil},
		"a volume":                     {corev1.PodSpec{Volumes: []corev1.Volume{volume("a")}}, []string{"a"}},
		"a volume that may be missing": {corev1.PodSpec{Volumes: []corev1.Volume{optional}}, []string{"optional"}},
		"a projected volume": {
			corev1.PodSpec{Volumes: []corev1.Volume{projected(projection("b"), corev1.VolumeProjection{ConfigMap: &corev1.ConfigMapProjection{}}, projection("a"))}},
			[]string{"a", "b"},
		},
		"a variable of a container": {corev1.PodSpec{Containers: []corev1.Container{{}, {Env: []corev1.EnvVar{{Name: "PLAIN", Value: "x"}, env("a")}}}}, []string{"a"}},
		"all variables of a container that runs first": {
			corev1.PodSpec{InitContainers: []corev1.Container{{EnvFrom: []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{}}, envFrom("a")}}}},
			[]string{"a"},
		},
		"each once, in order": {
			corev1.PodSpec{
				Volumes:        []corev1.Volume{volume("c"), volume("a"), projected(projection("c"))},
				InitContainers: []corev1.Container{{Env: []corev1.EnvVar{env("b")}}},
				Containers:     []corev1.Container{{EnvFrom: []corev1.EnvFromSource{envFrom("a")}}},
			},
			[]string{"a", "b", "c"},
		},
		"not what the kubelet uses, nor another kind of volume": {
			corev1.PodSpec{
				ImagePullSecrets: []corev1.LocalObjectReference{{Name: "pull"}},
				Volumes: []corev1.Volume{
					{Name: "a", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "a"}}}},
					{Name: "b", VolumeSource: corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{NodePublishSecretRef: &corev1.LocalObjectReference{Name: "b"}}}},
				},
			},
			nil,
		},
		"not a name that no Secret has": {corev1.PodSpec{Volumes: []corev1.Volume{volume(""), volume(strings.Repeat("a", 254)), volume("z")}}, []string{"z"}},
		"not more than the first ones":  {many, first[:rollout.MaxSecrets]},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, rollout.Uses(&test.pod), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			reduced := rollout.Reduced(&test.pod)
			if diff := cmp.Diff(test.want, rollout.Uses(&reduced), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("what is kept of the pod uses other Secrets (-want +got):\n%s", diff)
			}
			if len(reduced.Containers)+len(reduced.InitContainers) > 0 {
				t.Error("containers are kept")
			}
		})
	}
}
