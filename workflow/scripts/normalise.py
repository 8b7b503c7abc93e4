from functools import partial

from strokeprep.run.job import job, write_sidecar

with job(snakemake) as sidecar:
    from strokeprep.corrections.given import Given
    from strokeprep.steps import register

    given, params, made = snakemake.input, snakemake.params, snakemake.output
    both = tuple(Given.of(files, params.replaced) for files in (given.correction, given.backward))
    place = given.image, given.brain, given.lesions, made.transform, made.inverse
    step = partial(register.corrected_to_template, *place, both)
    forward, backward = (step if any(both) else partial(register.to_template, *place))(
        names=(snakemake.wildcards.scan, params.template.name),
        settings=params.settings,
        seed=params.seed,
        template=params.template,
    )
    sidecar.update(forward)
    write_sidecar(backward, made.inverse_sidecar, snakemake)
